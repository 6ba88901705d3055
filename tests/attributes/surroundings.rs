//! `env`, `workdir`, `shell`, `stdout`, `stderr`.

use super::Project;

#[test]
fn a_rule_has_variables_of_its_own() {
    let project = Project::new(
        "env A = all\nenv B = all\nparam much = \"a b\"\n\
         [env B=rule, env C=\"{much} {s} *\", env D={input}]\n\
         transform t: match in/{s} -> out/{s}\n    \
         printf '%s\\n' \"$A\" \"$B\" \"$C\" \"$D\" > {output}\n\n\
         originate other -> other\n    echo $B ${C-none} > {output}\n",
    );
    project.write("in/x", "");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/x"), "all\nrule\na b x *\nin/x\n");
    assert_eq!(project.read("other"), "all none\n");
}

#[test]
fn a_recipe_that_runs_elsewhere_still_finds_its_files() {
    let project = Project::new(
        "[workdir work/{s}]\n\
         transform t: match in/{s}.txt -> out/{s}.txt\n    \
         pwd > here\n    cat {input} > {output}\n    echo {dir} {stem} {tmp} > where\n    \
         touch {tmp}/x\n\n\
         [workdir work]\n\
         transform simple: ./in/a.txt -> simple\n    cp {input} {output}\n\n\
         [workdir work]\n\
         transform script: in/a.txt -> script\n    #!/bin/sh\n    \
         cat {input} > {output}; pwd >> {output}\n",
    );
    project.write("in/a.txt", "a\n");
    project.flow(&["run"]).expect(0);
    let folder = project.path(".").canonicalize().unwrap();
    let folder = folder.display();
    assert_eq!(project.read("work/a/here"), format!("{folder}/work/a\n"));
    assert_eq!(project.read("out/a.txt"), "a\n");
    assert_eq!(project.read("simple"), "a\n");
    assert_eq!(project.read("script"), format!("a\n{folder}/work\n"));
    let place = project.read("work/a/where");
    assert!(
        place.starts_with(&format!("{folder}/in a {folder}/.flow/tmp/")),
        "{place}"
    );
}

#[test]
fn a_rule_has_a_shell_of_its_own() {
    let project = Project::new(
        "[shell sh -c]\noriginate a -> a\n    false; touch {output}\n\n\
         originate b -> b\n    false; touch {output}\n",
    );
    project.flow(&["run", "-k"]).expect(1);
    assert!(project.has("a") && !project.has("b"));
}

#[test]
fn what_a_recipe_prints_goes_where_the_rule_says() {
    let project = Project::new(
        "[stdout logs/{s}.out, stderr logs/{s}.err]\n\
         transform two: match in/{s} -> out/{s}\n    echo out; echo err >&2; touch {output}\n\n\
         [stdout {output}.log, stderr {output}.log]\n\
         transform one: two -> {input}.one\n    echo out; echo err >&2; echo more; touch {output}\n\n\
         [stdout {output}]\n\
         transform direct: two -> {input}.direct\n    echo {input}\n\n\
         [stderr {output}.err]\n\
         transform half: two -> {input}.half\n    echo shown; echo hidden >&2; touch {output}\n",
    );
    project.write("in/x", "");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("logs/x.out"), "out\n");
    assert_eq!(project.read("logs/x.err"), "err\n");
    assert_eq!(project.read("out/x.one.log"), "out\nerr\nmore\n");
    assert_eq!(project.read("out/x.direct"), "out/x\n");
    assert_eq!(project.read("out/x.half.err"), "hidden\n");
    let log = |job: &str| project.flow(&["log", job]).out;
    assert!(!log("out/x").contains("out\n"));
    assert!(log("out/x.half").contains("shown") && !log("out/x.half").contains("hidden"));
}

#[test]
fn each_try_begins_its_files_anew_and_a_failure_shows_their_end() {
    let project = Project::new(
        "[stdout log, stderr log, retries 1]\noriginate a -> a\n    \
         echo one; echo try >&2; exit 3\n",
    );
    project.flow(&["run"]).expect(1).says(&["| one", "| try"]);
    assert_eq!(project.read("log"), "one\ntry\n");
    let project = Project::new("[stdout workflow.flow/x]\noriginate a -> a\n    touch {output}\n");
    project
        .flow(&["run"])
        .expect(1)
        .says(&["make the folder `workflow.flow`"]);
}
