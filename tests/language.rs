//! What the language says, seen through the binary: verbs, tables, modules, params.

mod common;

use common::Project;

const ECHO: &str = "    printf '%s\\n' {item} > {output}\n";

/// A project with this workflow and empty files.
fn project(workflow: &str, files: &[&str]) -> Project {
    let project = Project::new(workflow);
    for file in files {
        project.write(file, "");
    }
    project
}

/// The jobs of a plan, without their rule's name.
fn keys(project: &Project) -> String {
    let keys = project.planned(&[]);
    let keys = keys
        .iter()
        .map(|line| line.split_once(' ').expect("rule and key").1);
    keys.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_product_has_the_last_factor_fastest() {
    let project = project(
        &format!("product p: match a/{{x}}.a x match b/{{y}}.b -> out/{{x}}{{y}}\n{ECHO}"),
        &["a/1.a", "a/2.a", "b/1.b", "b/2.b", "b/3.b"],
    );
    assert_eq!(keys(&project), "out/11 out/12 out/13 out/21 out/22 out/23");
    project.flow(&["run"]).expect(0).says(&["6 done"]);
    assert_eq!(project.read("out/23"), "a/2.a\nb/3.b\n");
    assert_eq!(keys(&project), "");
}

#[test]
fn tuples_come_in_the_order_of_itertools() {
    let files = ["in/A", "in/B", "in/C"];
    let keys_of = |verb: &str| {
        let text = format!("{verb} t 2: match in/{{s}} -> o/{{s[0]}}{{s[-1]}}\n{ECHO}");
        keys(&project(&text, &files)).replace("o/", "")
    };
    assert_eq!(keys_of("combinations"), "AB AC BC");
    assert_eq!(keys_of("permutations"), "AB AC BA BC CA CB");
    assert_eq!(
        keys_of("combinations_with_replacement"),
        "AA AB AC BB BC CC"
    );
}

#[test]
fn the_elements_of_a_tuple_can_be_picked() {
    let project = project(
        "originate pairs -> (o/a.1 o/a.2) (o/b.1 o/b.2)\n    touch {output}\n\
         combinations t 2: pairs with ./ref -> out/{item[0][0].stem}-{item[1][0].stem}\n    \
         echo {item[0]} + {item[1]} + {item[1][1].name} + {input} > {output}\n",
        &["ref"],
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(
        project.read("out/a-b"),
        "o/a.1 o/a.2 + o/b.1 o/b.2 + b.2 + o/a.1 o/a.2 o/b.1 o/b.2 ref\n"
    );
}

#[test]
fn the_captures_of_tuples_are_lists_in_recipes() {
    let project = project(
        "permutations t 2: d/* regex '(?<l>[a-z])(.)$' -> o/{re[2][0]}{re[2][1]}\n    \
         echo {l} / {l[1]} / {re[2][0]} > {output}\n",
        &["d/a1", "d/b2"],
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("o/12"), "a b / b / 1\n");
    assert_eq!(project.read("o/21"), "b a / a / 2\n");
}

#[test]
fn a_product_brings_its_captures_along() {
    let project = project(
        &format!(
            "product p: match a/{{x}}.a x match b/{{y}}.b with refs/{{y}} -> p/{{x}}_{{y}}\n{ECHO}\
             collate c: p -> c/{{y}}\n{ECHO}"
        ),
        &["a/1.a", "a/2.a", "b/u.b", "b/v.b", "refs/u", "refs/v"],
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("c/v"), "p/1_v\np/2_v\n");
}

#[test]
fn tuples_behind_a_split_are_known_when_all_items_are() {
    let project = project(
        "split parts: ./all -> parts/*.p\n    for p in x y z; do touch parts/$p.p; done\n\
         combinations two 2: parts match {n}.p -> two/{n[0]}{n[1]}\n    cat {item} > {output}\n\
         product pairs: parts match {n}.p x match b/{m} -> pairs/{n}{m}\n    cat {item} > {output}\n\
         merge m: two pairs -> all-pairs\n    echo {input} > {output}\n",
        &["all", "b/1", "b/2"],
    );
    let unknown = project.planned(&[]);
    assert!(unknown.contains(&"two two/**".to_string()), "{unknown:?}");
    project.flow(&["run"]).expect(0);
    let expected = "two/xy two/xz two/yz pairs/x1 pairs/x2 pairs/y1 pairs/y2 pairs/z1 pairs/z2\n";
    assert_eq!(project.read("all-pairs"), expected);
    assert_eq!(keys(&project), "");
}

#[test]
fn too_few_items_for_a_tuple_are_told() {
    let project = project(
        &format!("combinations t 3: match in/{{s}} -> o/{{s[0]}}\n{ECHO}"),
        &["in/a", "in/b"],
    );
    let ended = project.flow(&["plan"]).expect(0);
    ended.says(&["`t` has no jobs", "2 items cannot fill a tuple of 3"]);
}

#[test]
fn a_job_without_outputs_is_known_by_its_captures() {
    let project = project(
        "transform upload: match in/{batch}/{sample}.txt\n    echo {batch}-{sample} >> log; sleep 0\n\
         [after upload]\nmerge done: in/*/*.txt -> done\n    cat log > {output}\n\
         merge mail: done\n    cp {input} mailed\n",
        &["in/1/a.txt", "in/1/b,c.txt"],
    );
    let expected = r"upload(batch=1,sample=a) upload(batch=1,sample=b\,c) done mail";
    assert_eq!(keys(&project), expected);
    project.flow(&["run", "-j1"]).expect(0).says(&["4 done"]);
    assert_eq!(project.read("mailed"), "1-a\n1-b,c\n");
    let one = "upload(batch=1,sample=a)";
    project.flow(&["run", one]).expect(0).says(&["up to date"]);
    project
        .flow(&["run", "--force", "upload", one])
        .expect(0)
        .says(&["1 done"]);
    assert_eq!(project.read("log"), "1-a\n1-b,c\n1-a\n");
}

#[test]
fn a_list_is_as_many_outputs_as_it_has_elements() {
    let project = project(
        "param names = [a, b]\noriginate one -> {names}\n    touch {output}\n",
        &[],
    );
    assert_eq!(keys(&project), "a b");
}
