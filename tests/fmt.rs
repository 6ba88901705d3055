//! `flow fmt` on files: what it writes, shows and says.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::Project;

const UNTIDY: &str = "param  a=1\r\nmerge m:a.txt->b.txt\n";
const OLD: &str = "param  a=1\nmerge m:a.txt -> b.txt\n\tcat {input}  > {output}\n";
const NEW: &str = "param a = 1\nmerge m: a.txt -> b.txt\n    cat {input}  > {output}\n";

#[test]
fn the_default_workflow_is_laid_out_in_place() {
    let project = Project::new(OLD);
    let path = project.path("workflow.flow");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode is set");
    let ended = project.flow(&["fmt"]).expect(0);
    assert_eq!(
        (ended.out.as_str(), ended.err.as_str()),
        ("workflow.flow\n", "")
    );
    assert_eq!(fs::read_to_string(&path).expect("it is there"), NEW);
    let mode = fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(project.flow(&["fmt"]).expect(0).out, "");
    project.flow(&["fmt", "--check"]).expect(0);
}

#[test]
fn check_and_diff_write_nothing() {
    let project = Project::new(OLD);
    assert_eq!(
        project.flow(&["fmt", "--check"]).expect(1).out,
        "workflow.flow\n"
    );
    let shown = project.flow(&["fmt", "--diff"]).expect(0).out;
    let expected = "--- workflow.flow\n+++ workflow.flow\n@@ -1,3 +1,3 @@\n-param  a=1\n\
        -merge m:a.txt -> b.txt\n-\tcat {input}  > {output}\n+param a = 1\n\
        +merge m: a.txt -> b.txt\n+    cat {input}  > {output}\n";
    assert_eq!(shown, expected);
    project.flow(&["fmt", "--diff", "--check"]).expect(1);
    let path = project.path("workflow.flow");
    assert_eq!(fs::read_to_string(path).expect("it is there"), OLD);
}

#[test]
fn a_file_with_mistakes_is_left_alone_and_the_others_are_not() {
    let project = Project::new(UNTIDY);
    project.write("good.flow", OLD);
    let ended = project
        .flow(&["fmt", "workflow.flow", "good.flow", "missing.flow"])
        .expect(3);
    let ended = ended.says(&["E0103", "missing.flow"]);
    assert_eq!(ended.out, "good.flow\n");
    let text = |name: &str| fs::read_to_string(project.path(name)).expect("it is there");
    assert_eq!(
        (text("workflow.flow").as_str(), text("good.flow").as_str()),
        (UNTIDY, NEW)
    );
}

#[test]
fn a_link_stays_a_link() {
    let project = Project::new(OLD);
    let link = project.path("link.flow");
    std::os::unix::fs::symlink("workflow.flow", &link).expect("a link is made");
    project.flow(&["fmt", "link.flow"]).expect(0);
    assert!(
        fs::symlink_metadata(&link)
            .expect("it is there")
            .is_symlink()
    );
    assert_eq!(fs::read_to_string(&link).expect("it is there"), NEW);
}
