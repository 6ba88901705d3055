//! The script by which a job runs on a node, and the files that it leaves in `.flow/jobs`.
//!
//! The script itself is the job's ticket. It begins by renaming itself from `NAME.sh` to
//! `NAME.run@HOST@ID`, and ends by renaming its record into place as `NAME.end`. Whoever takes a job
//! back renames `NAME.sh` to `NAME.off`: only one of the two can succeed, so a job that was taken back
//! never begins, and one that a scheduler starts again finds no script.
//!
//! It exits with 0 whatever the recipe does: there are statuses by which Grid Engine runs a job again.
//! Nothing goes through arguments, the scheduler's options or its environment: each library quotes them
//! in a way of its own.

use bstr::{BString, ByteSlice};

use crate::exec::{Script, Task};

/// A recipe longer than this is a file of its own: the kernel takes 128 KiB in an argument.
const LONGEST_TEXT: usize = 100_000;

/// The environment of a job that its node sets itself, or that means nothing there.
const OWN: [&str; 21] = [
    "TMPDIR",
    "TMP",
    "TEMP",
    "DISPLAY",
    "HOSTNAME",
    "HOST",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "NSLOTS",
    "NHOSTS",
    "NQUEUES",
    "QUEUE",
    "PE",
    "PE_HOSTFILE",
    "ARC",
    "RESTARTED",
    "REQUEST",
    "CUDA_VISIBLE_DEVICES",
    "GLIBC_TUNABLES",
];
const OWN_PREFIXES: [&str; 9] = [
    "SGE_",
    "JOB_",
    "SLURM",
    "PBS_",
    "LSB_",
    "LSF_",
    "LS_",
    "XDG_",
    "FLOW_DRMAA",
];

/// The job's number and task, in the form that the library has for it.
const ID: &str = r#"id=${JOB_ID:-${SLURM_ARRAY_JOB_ID:-${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-}}}}}
case ${SGE_TASK_ID:-undefined} in undefined) ;; *) id=$id.$SGE_TASK_ID ;; esac
[ -z "${SLURM_ARRAY_TASK_ID:-}" ] || id=${id}_$SLURM_ARRAY_TASK_ID
case ${LSB_JOBINDEX:-0} in 0) ;; *) id="$id[$LSB_JOBINDEX]" ;; esac
host=${HOSTNAME:-${SLURMD_NODENAME:-}}
[ -n "$host" ] || host=$(uname -n)
"#;

/// The number of a bulk's task.
const TASK: &str =
    "${SGE_TASK_ID:-${SLURM_ARRAY_TASK_ID:-${PBS_ARRAY_INDEX:-${PBS_ARRAYID:-$LSB_JOBINDEX}}}}";

/// Between single quotes, in which a shell reads nothing.
pub(super) fn quoted(text: &[u8]) -> BString {
    let mut quoted = BString::from("'");
    quoted.extend_from_slice(&text.replace("'", r"'\''"));
    quoted.push(b'\'');
    quoted
}

/// Whether a shell can have a variable of this name.
fn is_name(name: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    name.iter().all(is_word) && name.first().is_some_and(|byte| !byte.is_ascii_digit())
}

/// The script that sets the run's environment on a node; `mark` is a variable that stays here.
pub(super) fn environment(vars: &[(BString, BString)], mark: &str) -> BString {
    let stays = |name: &[u8]| {
        name == mark.as_bytes()
            || OWN.iter().any(|own| own.as_bytes() == name)
            || OWN_PREFIXES
                .iter()
                .any(|own| name.starts_with(own.as_bytes()))
    };
    let vars = vars
        .iter()
        .filter(|(name, _)| is_name(name) && !stays(name));
    exports(vars)
}

fn exports<'v>(vars: impl Iterator<Item = &'v (BString, BString)>) -> BString {
    let mut text = BString::default();
    for (name, value) in vars {
        text.extend_from_slice(b"export ");
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(&quoted(value));
        text.push(b'\n');
    }
    text
}

/// What every script begins with: `stem` is the path of the job's files, less what follows the dot.
fn head(stem: &str, environment: &str) -> BString {
    let (stem, environment) = (quoted(stem.as_bytes()), quoted(environment.as_bytes()));
    let mut text = BString::from(format!("j={stem}\n{ID}"));
    text.extend_from_slice(
        format!(
            "mv \"$j.sh\" \"$j.run@$host@$id\" 2>/dev/null || exit 0\n\
             exec </dev/null >\"$j.out\" 2>&1\n\
             {TRAP}\
             unset GLIBC_TUNABLES\n\
             . {environment}\n"
        )
        .as_bytes(),
    );
    text
}

/// Signals by which schedulers say that the time is over; the recipe gets them as well.
const TRAP: &str = "trap : TERM INT HUP USR1 USR2 XCPU\n";

/// A job's script, and the text of its recipe where that is a file of its own, `NAME.text`. `flow` is
/// this program on a node.
pub(super) fn job(
    task: &Task,
    flow: &[u8],
    stem: &str,
    environment: &str,
) -> (BString, Option<BString>) {
    let mut text = head(stem, environment);
    let mut put = |bytes: &[u8]| text.extend_from_slice(bytes);
    put(b"(\n");
    if !stem.starts_with('/') {
        put(b"j=$PWD/$j\n");
    }
    put(&exports(task.env.iter().filter(|(name, _)| is_name(name))));
    let mut file = None;
    let mut argv: Vec<BString> = task.argv.iter().map(|word| quoted(word)).collect();
    if let Some(Script { text: recipe, way }) = &task.script {
        let path = format!("\"$PWD\"/{}", quoted(format!("{stem}.text").as_bytes()));
        let path = if stem.starts_with('/') {
            path[7..].into()
        } else {
            path
        };
        match way {
            way if way.is_dash_c() && recipe.len() <= LONGEST_TEXT => argv.push(quoted(recipe)),
            way => {
                if way.is_dash_c() {
                    argv.pop();
                }
                put(b"script=");
                put(path.as_bytes());
                put(b"\n");
                argv.push("\"$script\"".into());
                file = Some(recipe.clone());
            }
        }
    }
    for (sign, path) in [(">", &task.stdout), ("2>", &task.stderr)] {
        if !path.is_empty() {
            put(format!("exec {sign}{} || exit 126\n", quoted(path)).as_bytes());
        }
    }
    if !task.dir.is_empty() {
        put(format!("cd -- {} || exit 126\n", quoted(&task.dir)).as_bytes());
    }
    put(b"set --");
    for word in &argv {
        put(b" ");
        put(word);
    }
    put(b"\n");
    put(TRAP.as_bytes());
    put(format!("flow={}\n", quoted(flow)).as_bytes());
    put(RUN.as_bytes());
    put(b")\n");
    put(TAIL.as_bytes());
    (text, file)
}

/// Runs what was set, by this program where it can be.
const RUN: &str = r#"if [ -x "$flow" ]; then
    "$flow" cluster-job "$j.use" "$@"
    code=$?
    [ ! -e "$j.use" ] || exit $code
fi
exec "$@"
"#;

/// How a script ends: what the shell counted is the record, and then it is put into place.
const TAIL: &str = r#"code=$?
used=
[ ! -s "$j.use" ] || read -r used <"$j.use"
{ echo "flow 1"; echo "exit $code"; echo "host $host"; times; echo "$used"; echo end; } >"$j.tmp" &&
    [ ! -e "$j.off" ] && mv "$j.tmp" "$j.end"
exit 0
"#;

/// The script of a pack, whose jobs `flow` runs itself on the node.
pub(super) fn pack(flow: &[u8], stem: &str, environment: &str) -> BString {
    let mut text = head(stem, environment);
    let flow = quoted(flow);
    text.extend_from_slice(format!("{flow} cluster-pack \"$j\"\n{TAIL}").as_bytes());
    text
}

/// The script of a bulk: each task goes on with its own.
pub(super) fn bulk(stem: &str) -> BString {
    let stem = quoted(stem.as_bytes());
    format!("i={TASK}\n. {stem}.\"$i\".sh\n").into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::exec::ScriptWay;

    fn sh(folder: &Path, script: &str) -> i32 {
        let mut sh = Command::new("/bin/sh");
        let sh = sh.arg(script).current_dir(folder).env("JOB_ID", "7");
        sh.status().unwrap().code().unwrap()
    }

    fn task(argv: &[&str], script: Option<(&str, ScriptWay)>) -> Task {
        Task {
            argv: argv.iter().map(|word| (*word).into()).collect(),
            script: script.map(|(text, way)| Script {
                text: text.into(),
                way,
            }),
            env: vec![("ODD".into(), "it's\n$HOME `x` \"".into())],
            ..Task::default()
        }
    }

    fn run(task: &Task) -> (tempfile::TempDir, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        let (text, file) = job(task, b"/no/flow", "a 'b", "./env");
        write("a 'b.sh", &text);
        write("env", &environment(&[("FROM".into(), "env".into())], ""));
        if let Some(file) = file {
            write("a 'b.text", &file);
        }
        assert_eq!(sh(folder.path(), "a 'b.sh"), 0);
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name));
            text.unwrap_or_default()
        };
        let (out, end) = (read("a 'b.out"), read("a 'b.end"));
        (folder, out, end)
    }

    #[test]
    fn a_recipe_runs_and_leaves_a_record() {
        let recipe = "printf %s \"$ODD$FROM\"; exit 99";
        let (folder, out, end) = run(&task(&["sh", "-c"], Some((recipe, ScriptWay::WarmDashC))));
        assert_eq!(out, "it's\n$HOME `x` \"env");
        assert!(end.starts_with("flow 1\nexit 99\nhost "), "{end}");
        assert!(end.ends_with("end\n"));
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let begun: Vec<_> = names.filter(|name| name.contains(".run@")).collect();
        assert!(begun[0].ends_with("@7"), "{begun:?}");
        // A scheduler that starts it again finds nothing to run.
        assert_ne!(sh(folder.path(), "a 'b.sh"), 0);
    }

    #[test]
    fn a_long_recipe_and_one_for_an_interpreter_are_files() {
        let long = format!(": {}\necho done", "x".repeat(200_000));
        let (_, out, _) = run(&task(&["sh", "-c"], Some((&long, ScriptWay::DashC))));
        assert_eq!(out, "done\n");
        let (_, out, _) = run(&task(&["cat"], Some(("text", ScriptWay::File))));
        assert_eq!(out, "text");
    }

    #[test]
    fn what_cannot_be_run_is_a_status() {
        let (_, _, end) = run(&task(&["no-such-program"], None));
        assert!(end.contains("exit 127"), "{end}");
        let nowhere = Task {
            dir: "no/where".into(),
            ..task(&["true"], None)
        };
        assert!(run(&nowhere).2.contains("exit 126"));
    }

    #[test]
    fn output_goes_where_the_rule_says() {
        let task = Task {
            stdout: "o u t".into(),
            ..task(&["echo", "x"], None)
        };
        let (folder, out, _) = run(&task);
        assert_eq!(out, "");
        let text = std::fs::read_to_string(folder.path().join("o u t"));
        assert_eq!(text.unwrap(), "x\n");
    }

    #[test]
    fn one_that_was_taken_back_does_not_begin() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b"), bulk("a")).unwrap();
        assert_ne!(sh(folder.path(), "b"), 0);
    }

    #[test]
    fn what_belongs_to_this_machine_stays_here() {
        let vars = [
            "TMPDIR",
            "SGE_ROOT",
            "PATH",
            "MARK",
            "a-b",
            "XDG_RUNTIME_DIR",
        ];
        let vars = vars.map(|name| (name.into(), "x".into()));
        assert_eq!(environment(&vars, "MARK"), "export PATH='x'\n");
    }
}
