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

const SHEET: &str =
    "sample,path,group\r\na,raw/a x.txt,1\r\nb,\"raw/b,*.txt\",1\r\nc,raw/c.txt,2\r\n";

#[test]
fn the_rows_of_a_sheet_are_items() {
    let project = project(
        "table sheet = samples.csv\n\
         transform up: sheet using {path} -> up/{sample}\n    tr a-z A-Z < {input} > {output}\n\
         collate groups: sheet using up/{sample} -> groups/{group}\n    cat {input} > {output}\n\
         collate listed: sheet -> listed/{group}\n    echo {sample} > {output}\n\
         merge all: sheet with up/a -> all\n    echo {input} > {output}\n",
        &["raw/a x.txt", "raw/b,*.txt", "raw/c.txt"],
    );
    project
        .write("samples.csv", SHEET)
        .write("raw/b,*.txt", "text\n");
    project.flow(&["run"]).expect(0).says(&["8 done"]);
    assert_eq!(project.read("groups/1"), "TEXT\n");
    assert_eq!(project.read("listed/1"), "a b\n");
    assert_eq!(project.read("all"), "up/a\n");
    assert_eq!(keys(&project), "");
}

#[test]
fn a_table_may_be_a_list_and_stand_in_a_product() {
    let project = project(
        "param seeds = [1, 2]\ntable seed = {seeds}\ntable method = [fast, 'slow one']\n\
         product p: ./in x seed x method -> out/{method}/{seed}\n    \
         echo {input} {item[0]} {seed} {method} > {output}\n\
         permutations q 2: seed -> q/{seed[0]}{seed[1]}\n    echo {seed} > {output}\n",
        &["in"],
    );
    let expected = "out/fast/1 out/slow one/1 out/fast/2 out/slow one/2 q/12 q/21";
    assert_eq!(keys(&project), expected);
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/slow one/2"), "in in 2 slow one\n");
    project
        .flow(&["run", "--set", "seeds=[3]", "p"])
        .expect(0)
        .says(&["2 done"]);
}

#[test]
fn an_empty_table_is_no_mistake() {
    let project = project(
        "table sheet = s.tsv\ntransform t: sheet -> {a}\n    echo > {output}\n",
        &[],
    );
    project.write("s.tsv", "a\tb\n");
    assert_eq!(keys(&project), "");
}

#[test]
fn included_items_stand_where_they_are_included() {
    let project = project(
        "let who = 'you'\ninclude lib/greet.flow\nmerge all: greet names -> all\n    cat {input} > {output}\n",
        &[],
    );
    project.write(
        "lib/greet.flow",
        "include more.flow\ntable people = people.tsv\n\
         transform greet: people -> greetings/{name}\n    echo hello {name} and {who} > {output}\n",
    );
    project.write(
        "lib/more.flow",
        "originate names -> names\n    echo names > {output}\n",
    );
    project.write("lib/people.tsv", "name\nann\n");
    project.flow(&["run"]).expect(0).says(&["3 done"]);
    assert_eq!(project.read("all"), "hello ann and you\nnames\n");
}

const MODULE: &str = "\
# What is compared.
param reads
param suffix = .out
param times = 1
param to = 'x'
env SIDE = {to}
jobs_limit slow = {times}
let folder = \"res/{to}\"

[jobs_limit slow]
transform copy: {reads} -> {folder}/{stem}{suffix}
    echo {times} $SIDE > {output}

[after copy]
merge sum: copy with {reads} -> {folder}/sum
    echo {input} > {output}
";

#[test]
fn a_module_is_used_twice_with_params_of_its_own() {
    let project = project(
        "use mod.flow as left (reads = first, to = left)\n\
         use mod.flow as right (reads = [first, second], to = \"right\", times = 2)\n\
         originate first -> one.txt\n    touch {output}\n\
         originate second -> two.txt\n    touch {output}\n\
         [after right.copy]\nmerge all: left.sum right.sum -> all\n    cat {input} > {output}\n",
        &[],
    );
    project.write("mod.flow", MODULE);
    project.flow(&["run"]).expect(0).says(&["8 done"]);
    let sum = "res/right/one.out res/right/two.out one.txt two.txt\n";
    assert_eq!(project.read("res/right/sum"), sum);
}

#[test]
fn a_modules_rules_are_named_with_it() {
    let project = project(
        "use mod.flow as left (reads = first, to = left)\n\
         use mod.flow as right (reads = left.copy, to = \"right\", times = 2)\n\
         originate first -> one.txt\n    touch {output}\n\
         [after right.copy]\nmerge all: left.sum right.sum -> all\n    cat {input} > {output}\n\
         target lefts: left.sum one.txt\ndefault lefts right.copy\n",
        &[],
    );
    project.write("mod.flow", MODULE);
    project.flow(&["run"]).expect(0).says(&["4 done"]);
    assert_eq!(project.read("res/left/one.out"), "1 left\n");
    assert_eq!(project.read("res/right/one.out"), "2 right\n");
    assert!(!project.has("all"));
    project.flow(&["run", "all"]).expect(0).says(&["2 done"]);
    assert_eq!(
        project.read("all"),
        "res/left/one.out one.txt\nres/right/one.out res/left/one.out\n"
    );
    let forced = project.planned(&["--force", "left.sum", "left.sum"]);
    assert_eq!(forced, ["left.sum res/left/sum"]);
    let list = project.flow(&["list"]).expect(0).out;
    assert!(
        list.contains("left.copy") && list.contains("lefts"),
        "{list}"
    );
    // Alone it is a workflow whose param needs a value.
    project.write("in.txt", "");
    project
        .flow(&["plan", "mod.flow"])
        .expect(3)
        .says(&["`reads` needs a value"]);
    project
        .flow(&["run", "mod.flow", "--set", "reads=in.txt"])
        .expect(0)
        .says(&["2 done"]);
}

#[test]
fn modules_nest_and_pass_on_what_they_were_passed() {
    let project = project(
        "table sample = [a, b]\nuse outer.flow as o (from = sample)\n",
        &[],
    );
    project.write(
        "outer.flow",
        "param from\nuse inner.flow as i (from = {from})\n",
    );
    project.write(
        "inner.flow",
        "param from\ntransform make: {from} -> made/{sample}\n    echo {rule} > {output}\n",
    );
    assert_eq!(project.planned(&[]), ["o.i.make made/a", "o.i.make made/b"]);
    project
        .flow(&["run", "o.i.make"])
        .expect(0)
        .says(&["2 done"]);
    assert_eq!(project.read("made/b"), "o.i.make\n");
}

#[test]
fn a_target_may_be_a_glob_of_what_a_split_makes() {
    let project = project(
        "split parts: ./all -> parts/*.p\n    touch parts/x.p parts/y.p\n\
         transform t: parts suffix .p -> .t\n    touch {output}\n\
         transform u: parts suffix .p -> .u\n    touch {output}\n\
         target ts: parts/*.t\ntarget one: parts/x.u\ndefault ts\n",
        &["all"],
    );
    project.flow(&["run"]).expect(0);
    assert!(project.has("parts/x.t") && project.has("parts/y.t") && !project.has("parts/x.u"));
    project.flow(&["run", "one"]).expect(0).says(&["1 done"]);
}

const PARAMS: &str = "\
# How many.
param n = 4
param rate = 0.5
param fast = true
param who
param names = [a, b]

originate out -> out
    echo {n} {rate} {fast} {who} {names} > {output}
";

#[test]
fn params_come_from_files_and_the_command_line() {
    let made = |file: &str, text: &str, args: &[&str]| {
        let project = Project::new(PARAMS);
        project.write(file, text);
        let args = [&["run", "--params", file], args].concat();
        project.flow(&args).expect(0);
        project.read("out")
    };
    let toml = "n = 10\nrate = 1e-3\nwho = \"me\"\nnames = ['x', 'y z']\n";
    assert_eq!(made("p.toml", toml, &[]), "10 1e-3 true me x y z\n");
    let yaml = "rate: 0.50\nfast: false\nwho: me\nnames:\n- x\n";
    assert_eq!(made("p.yaml", yaml, &[]), "4 0.50 false me x\n");
    let json = "{\"who\": \"me\", \"n\": 7}";
    assert_eq!(
        made("p.json", json, &["--set", "n=8"]),
        "8 0.5 true me a b\n"
    );
    assert_eq!(
        made("p.json", json, &["--set", "names=[q, \"r, s\"]"]),
        "7 0.5 true me q r, s\n"
    );
    assert_eq!(
        made(
            "p.json",
            json,
            &["--set", "names=q,r", "--set", "who=[1, 2]"]
        ),
        "7 0.5 true 1 2 q r\n"
    );
}

#[test]
fn wrong_values_of_params_are_shown_where_they_stand() {
    let said = |file: &str, text: &str| {
        let project = Project::new(PARAMS);
        project.write(file, text);
        project.flow(&["plan", "--params", file]).expect(3).err
    };
    let err = said("p.toml", "who = 'me'\nn = 'many'\nnames = [1]\nrat = 2\n");
    for text in [
        "`many` is not a value for `n`",
        "p.toml:2:5",
        "its default is an integer",
        "there is no param `rat`",
        "did you mean `rate`?",
    ] {
        assert!(err.contains(text), "no `{text}` in\n{err}");
    }
    assert!(said("p.yaml", "who: me\nn: {a: 1}\n").contains("p.yaml:2:4"));
    assert!(said("p.json", "{\"who\": }").contains("p.json:1:9"));
    assert!(said("p.json", "{\"who\": 1, \"who\": 2}").contains("`who` has two values"));
    assert!(said("p.txt", "").contains(".toml, .yaml, .yml and .json"));
    let project = Project::new(PARAMS);
    project
        .flow(&["plan"])
        .expect(3)
        .says(&["`who` needs a value", "--set who=VALUE"]);
    project
        .flow(&["plan", "--set", "who=x", "--set", "n=x"])
        .expect(3)
        .says(&["`--set n=…` takes an integer"]);
    project
        .flow(&["plan", "--set", "who=[a, [b]]"])
        .expect(3)
        .says(&["is no list for `who`"]);
}

#[test]
fn list_shows_params_with_type_default_and_comment() {
    let list = Project::new(PARAMS).flow(&["list"]).expect(0).out;
    for line in [
        "n      integer = 4           How many.",
        "who    required",
        "names  list = [a, b]",
    ] {
        assert!(list.contains(line), "no `{line}` in\n{list}");
    }
}

#[test]
fn an_element_that_is_not_there_fails_the_job() {
    let project = project(
        "transform t: match in/{s}.x -> out/{s}.y\n    echo {input[1]} > {output}\n\n\
         merge m: in/*.x -> m\n    echo {input[1]} > {output}\n\n\
         collate c: match in/{s}.x -> c\n    echo {s[2]} > {output}\n",
        &["in/a.x", "in/b.x"],
    );
    project.flow(&["run", "-k"]).expect(1).says(&[
        "`{input[1]}` stands for nothing: this job has no such element",
        "`{s[2]}` stands for nothing",
        "1 done, 3 failed",
    ]);
    assert_eq!(project.read("m"), "in/b.x\n");
}

#[test]
fn an_output_beside_globs_can_be_named_alone() {
    let project = project(
        "split cut: big.txt -> index=cut/index cut/*.part cut/last\n\
         \x20   touch {output.dir}/1.part {output[-1]}\n\
         \x20   echo {output[0]} > {output.index}\n\
         subdivide again: big.txt -> again/*.part\n\
         \x20   echo {output[0]}\n",
        &["big.txt"],
    );
    project
        .flow(&["check"])
        .expect(3)
        .says(&["E0240", "workflow.flow:5:10"]);
    let workflow = project.read("workflow.flow");
    let right = workflow.replace("    echo {output[0]}\n", "    echo {output.dir}\n");
    project.write("workflow.flow", right);
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("cut/index"), "cut/index\n");
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}
