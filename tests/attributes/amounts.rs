//! `cores`, `mem`, `gpus`: what jobs take, and what there is.

use super::{Ended, Project, ends};

#[test]
fn a_list_has_one_value_for_each_try() {
    let project = Project::new(
        "[cores [1, 2], mem [64M, 128M, 1G], retries 3]\n\
         originate a -> a\n    echo {cores} {mem} {gpus} >> tries\n    test {mem} = 1024 && touch {output}\n",
    );
    let (ended, ends) = ends(&project, &["-j2", "--mem", "2G"]);
    ended.expect(0);
    assert_eq!(project.read("tries"), "1 64 0\n2 128 0\n2 1024 0\n");
    assert_eq!(ends, ["a ok 3"]);
}

#[test]
fn values_may_be_params() {
    let project = Project::new(
        "param threads = 2\nlet much = 1G\n\
         [cores {threads}, mem [64M, {much}]]\n\
         originate a -> a\n    echo {cores} {mem} > {output}\n",
    );
    project.flow(&["run", "-j4"]).expect(0);
    assert_eq!(project.read("a"), "2 64\n");
    project
        .flow(&["run", "-j4", "-B", "--set", "threads=3"])
        .expect(0);
    assert_eq!(project.read("a"), "3 64\n");
    project
        .flow(&["run", "--set", "threads=0"])
        .expect(3)
        .says(&["`cores` must be at least 1"]);
}

/// Each job notes how many of its kind are at work, itself included.
fn crowd(attribute: &str) -> Project {
    Project::new(&format!(
        "[{attribute}]\noriginate a -> a b c d\n    mkdir at-{{output}}\n    \
         echo at-* | wc -w > {{output}}\n    sleep 0.1\n    rmdir at-{{output}}\n"
    ))
}

fn most_at_once(project: &Project) -> u32 {
    let counts = ["a", "b", "c", "d"].map(|file| project.read(file));
    counts
        .iter()
        .map(|n| n.trim().parse().unwrap())
        .max()
        .unwrap()
}

#[test]
fn jobs_share_the_memory_and_gpus_there_are() {
    let cases = [
        ("mem 1G", ["--mem", "2G"], 2),
        ("mem 1.5G", ["--mem", "2G"], 1),
        ("gpus 1", ["--gpus", "2"], 2),
        ("gpus 2", ["--gpus", "2"], 1),
    ];
    for (attribute, option, most) in cases {
        let project = crowd(attribute);
        let [name, value] = option;
        project.flow(&["run", "-j4", name, value]).expect(0);
        assert!(most_at_once(&project) <= most, "{attribute}");
    }
}

#[test]
fn what_is_more_than_there_is_takes_all_and_runs_alone() {
    let project = crowd("cores 8, mem 64G, gpus 3");
    let options = ["run", "-j2", "--mem", "1G", "--gpus", "1"];
    project.flow(&options).expect(0).says(&[
        "8 cores of 2",
        "65536 MiB of memory of 1024",
        "3 gpus of 1",
        "runs alone",
    ]);
    assert_eq!(most_at_once(&project), 1);
    project.write(
        "workflow.flow",
        "[cores 8, mem 64G, gpus 3]\noriginate a -> e\n    \
         echo {cores} {mem} {gpus} $CUDA_VISIBLE_DEVICES > {output}\n",
    );
    project.flow(&options).expect(0);
    assert_eq!(project.read("e"), "2 1024 1 0\n");
}

#[test]
fn each_job_has_a_gpu_of_its_own() {
    let project = Project::new(
        "[gpus 1]\noriginate a -> a b c d\n    mkdir gpu-$CUDA_VISIBLE_DEVICES\n    \
         sleep 0.05\n    rmdir gpu-$CUDA_VISIBLE_DEVICES\n    \
         echo $CUDA_VISIBLE_DEVICES > {output}\n",
    );
    let mut command = project.command(&["run", "-j4"]);
    command.env("CUDA_VISIBLE_DEVICES", "4,7");
    Ended::from(command.output().unwrap()).expect(0);
    let gpus = ["a", "b", "c", "d"].map(|file| project.read(file));
    assert!(
        gpus.iter().all(|gpu| gpu == "4\n" || gpu == "7\n"),
        "{gpus:?}"
    );
}
