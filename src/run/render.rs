//! From a recipe to a task: placeholders filled and quoted, or a command's words without a shell.

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};
use serde_json::{Map, Value, json};

use super::Given;
use crate::event::json::path_json;
use crate::exec::{Script, ScriptWay, Task, TaskId};
use crate::lang::ast::Hole;
use crate::lang::quote::ValueKind;
use crate::lang::recipe::{Command, Filled};
use crate::pattern::clean;
use crate::plan::fill::path_fact;
use crate::plan::{JobId, PathId, Plan};
use crate::workflow::recipe::Launch;
use crate::workflow::scope::pick;
use crate::workflow::{Expr, Fact, FileSet, GROUP, Part, Recipe, Rule, Word, Workflow};

/// A recipe that is ready to be run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rendered {
    pub argv: Vec<BString>,
    pub script: Option<Script>,
    /// What the script does, where that takes no shell.
    pub direct: Option<Command>,
    pub env: Vec<(BString, BString)>,
    /// The folder to run in; empty for the workflow's own.
    pub dir: BString,
    /// Files that take what it prints, relative to the workflow's folder; empty for none.
    pub stdout: BString,
    pub stderr: BString,
    /// The Makefile rule that it writes; empty for none.
    pub deps: BString,
    /// The folder of `{tmp}`, or of the job's description; to be made before and removed after.
    pub tmp: Option<BString>,
    /// What a recipe in another language finds as `$FLOW_JOB`, and where it is to be written.
    pub description: Option<(BString, Vec<u8>)>,
}

impl Rendered {
    pub fn into_task(self, id: TaskId) -> Task {
        Task {
            id,
            argv: self.argv,
            script: self.script,
            direct: self.direct,
            env: self.env,
            dir: self.dir,
            stdout: self.stdout,
            stderr: self.stderr,
            ..Task::default()
        }
    }

    /// The command as a person would read it.
    pub fn text(&self) -> BString {
        match &self.script {
            Some(script) => script.text.clone(),
            None => {
                let words: Vec<String> = self.argv.iter().map(|word| shell_word(word)).collect();
                words.join(" ").into()
            }
        }
    }
}

fn shell_word(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./=+:,@%".contains(byte);
    let text = String::from_utf8_lossy(word);
    if !word.is_empty() && word.iter().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Fills the recipe of a job.
pub fn render(
    plan: &Plan,
    workflow: &Workflow,
    job: JobId,
    given: &Given,
) -> anyhow::Result<Rendered> {
    let recipe = plan.rule_of(workflow, job).recipe.as_ref();
    let recipe = recipe.expect("a workflow without mistakes has recipes");
    render_recipe(plan, workflow, job, recipe, given)
}

/// Fills a recipe for a job: its own, or another command of its rule.
pub(super) fn render_recipe(
    plan: &Plan,
    workflow: &Workflow,
    job: JobId,
    recipe: &Recipe,
    given: &Given,
) -> anyhow::Result<Rendered> {
    let rule = plan.rule_of(workflow, job);
    let around = &rule.around;
    let mut values = Values {
        plan,
        rule,
        job,
        given,
        base: None,
    };
    let dir = values.path(around.workdir.as_deref(), "workdir")?;
    let stdout = values.path(around.stdout.as_deref(), "stdout")?;
    let stderr = values.path(around.stderr.as_deref(), "stderr")?;
    let deps = values.path(rule.deps.as_deref(), "deps")?;
    // Elsewhere than in the workflow's folder its files need their whole paths.
    values.base = (!dir.is_empty()).then_some(given.folder.as_bstr());
    for placeholder in recipe.text.placeholders() {
        if let Some(expr) = recipe.expr(&placeholder.hole) {
            values.check(&placeholder.hole, expr)?;
        }
    }
    let own_tmp = values.placed(given.tmp.as_bstr());
    let mut uses_tmp = false;
    let mut fill = |hole: &Hole| {
        let expr = recipe.expr(hole);
        uses_tmp |= matches!(expr, Some(Expr::Tmp));
        expr.map_or_else(|| text(vec![]), |expr| values.of(expr))
    };
    let (argv, script) = launch(recipe, &mut fill)?;
    let direct = match &recipe.launch {
        Launch::Shell(shell) if shell.is_default => recipe.text.redirected(&mut fill),
        _ => None,
    };
    let mut description = None;
    if let Launch::Interpreter {
        is_shell: false, ..
    } = recipe.launch
    {
        let path = BString::from([own_tmp.as_bytes(), b"/job.json"].concat());
        description = Some((path, values.description(workflow)));
    }
    let mut env: Vec<(BString, BString)> = Vec::new();
    if let Some(gpus) = &given.gpu_names {
        env.push(("CUDA_VISIBLE_DEVICES".into(), bstr::join(",", gpus).into()));
    }
    for (name, value) in workflow.env_of(rule) {
        env.push((name.as_str().into(), value.clone()));
    }
    for (name, word) in &around.env {
        env.push((name.as_str().into(), values.joined(word)));
    }
    if let Some((path, _)) = &description {
        env.push(("FLOW_JOB".into(), path.clone()));
    }
    let tmp = (uses_tmp || description.is_some()).then(|| given.tmp.clone());
    Ok(Rendered {
        argv,
        script,
        direct,
        env,
        dir,
        stdout,
        stderr,
        deps,
        tmp,
        description,
    })
}

/// The words that start a recipe, and its text where a program reads that.
pub(super) fn launch<'v>(
    recipe: &Recipe,
    mut fill: impl FnMut(&Hole) -> Filled<'v>,
) -> anyhow::Result<(Vec<BString>, Option<Script>)> {
    let (program, way) = match &recipe.launch {
        Launch::Shell(shell) => {
            if shell.is_default
                && let Some(words) = recipe.text.argv(&mut fill)
            {
                return Ok((words?, None));
            }
            match shell.is_fresh {
                true => (&*shell.argv, ScriptWay::DashC),
                false => (&*shell.argv, ScriptWay::WarmDashC),
            }
        }
        Launch::Interpreter { argv, .. } => (argv.as_slice(), ScriptWay::File),
    };
    let mut text = Vec::new();
    recipe.text.render(&mut fill, &mut text)?;
    let text = text.into();
    Ok((program.to_vec(), Some(Script { text, way })))
}

/// A path as it can be used in the folder where the recipe runs: behind `base`, if there is one.
fn placed<'p>(base: Option<&BStr>, path: &'p BStr) -> Cow<'p, BStr> {
    match base {
        Some(base) if path == "." => Cow::Owned(base.into()),
        Some(base) if !path.starts_with(b"/") => {
            Cow::Owned([base.as_bytes(), b"/", path.as_bytes()].concat().into())
        }
        _ => Cow::Borrowed(path),
    }
}

/// Some of `files`, or what their paths tell.
pub(super) fn chosen<'p>(
    plan: &'p Plan,
    base: Option<&BStr>,
    files: &[PathId],
    index: Option<i64>,
    fact: Option<Fact>,
) -> Filled<'p> {
    let picked: &[PathId] = match index {
        Some(index) => match pick(files.len(), index) {
            Some(at) => &files[at..at + 1],
            None => &[],
        },
        // `{input.stem}` is the first one's.
        None if fact.is_some() => files.get(..1).unwrap_or(&[]),
        None => files,
    };
    let paths = picked.iter().map(|path| plan.path(*path));
    let Some(fact) = fact else {
        return Filled {
            kind: ValueKind::File,
            values: paths.map(|path| placed(base, path)).collect(),
        };
    };
    let found = paths.flat_map(|path| path_fact(path, fact));
    match fact {
        Fact::Dir => Filled {
            kind: ValueKind::File,
            values: found
                .map(|path| Cow::Owned(placed(base, path.as_bstr()).into_owned()))
                .collect(),
        },
        _ => text(found.map(Cow::Owned).collect()),
    }
}

/// A value that is no file's name.
pub(super) fn text<'v>(values: Vec<Cow<'v, BStr>>) -> Filled<'v> {
    Filled {
        kind: ValueKind::Text,
        values,
    }
}

/// What the placeholders of one job stand for.
struct Values<'a> {
    plan: &'a Plan,
    rule: &'a Rule,
    job: JobId,
    given: &'a Given,
    /// Put in front of relative paths.
    base: Option<&'a BStr>,
}

impl<'a> Values<'a> {
    fn placed<'p>(&self, path: &'p BStr) -> Cow<'p, BStr> {
        placed(self.base, path)
    }

    /// A word filled, several values with blanks between them.
    fn joined(&self, word: &Word) -> BString {
        let mut text = BString::default();
        for part in &word.parts {
            match part {
                Part::Text(piece) => text.extend_from_slice(piece),
                Part::Value(expr, _) => {
                    for (at, value) in self.of(expr).values.iter().enumerate() {
                        text.extend_from_slice(if at > 0 { b" " } else { b"" });
                        text.extend_from_slice(value);
                    }
                }
                // Refused when the workflow is read.
                Part::Glob(_) => {}
            }
        }
        text
    }

    /// A word that names one file or folder, filled; empty where there is no word.
    pub(super) fn path(&self, word: Option<&Word>, what: &str) -> anyhow::Result<BString> {
        let Some(word) = word else {
            return Ok(BString::default());
        };
        for (expr, _) in word.values() {
            let n_values = self.of(expr).values.len();
            if n_values != 1 {
                anyhow::bail!("`{what}` names one path, and {n_values} files stand in it");
            }
        }
        let text = self.joined(word);
        if text.is_empty() {
            anyhow::bail!("`{what}` names no path: what stands in it is empty");
        }
        Ok(clean(&text).into_owned().into())
    }

    /// An element that is asked for by its number must be there: nothing is filled in as empty.
    fn check(&self, hole: &Hole, expr: &'a Expr) -> anyhow::Result<()> {
        let is_numbered = match expr {
            Expr::Files { index, fact, .. } | Expr::Element { index, fact, .. } => {
                index.is_some() || matches!(fact, Some(Fact::Parts(Some(_))))
            }
            Expr::Capture { index, .. } => index.is_some(),
            _ => false,
        };
        if is_numbered && self.of(expr).values.is_empty() {
            anyhow::bail!("`{{{hole}}}` stands for nothing: this job has no such element");
        }
        Ok(())
    }

    fn of(&self, expr: &'a Expr) -> Filled<'a> {
        let owned = |value: String| text(vec![Cow::Owned(value.into())]);
        match expr {
            Expr::Text(value) => text(vec![Cow::Borrowed(BStr::new(value))]),
            Expr::List(values) => text(
                values
                    .iter()
                    .map(|value| Cow::Borrowed(BStr::new(value)))
                    .collect(),
            ),
            Expr::Capture { name, index } => {
                let found = self
                    .plan
                    .captures(self.job)
                    .filter(|(found, _)| found == name);
                let all: Vec<Cow<BStr>> = found.map(|(_, value)| Cow::Borrowed(value)).collect();
                match index {
                    None => text(all),
                    Some(index) => text(
                        pick(all.len(), *index)
                            .map(|at| all[at].clone())
                            .into_iter()
                            .collect(),
                    ),
                }
            }
            Expr::Group(number) => {
                let mut groups = self
                    .plan
                    .captures(self.job)
                    .filter(|(name, _)| *name == GROUP);
                text(
                    groups
                        .nth(*number)
                        .map(|(_, value)| Cow::Borrowed(value))
                        .into_iter()
                        .collect(),
                )
            }
            Expr::Files {
                set,
                slot,
                index,
                fact,
            } => {
                let files: &[PathId] = match (set, slot) {
                    (FileSet::Item, _) => self.plan.item(self.job),
                    (FileSet::Input, None) => self.plan.inputs(self.job),
                    (FileSet::Input, Some(slot)) => self.plan.slot(self.job, slot.0 as usize),
                    (FileSet::Output, None) => self.plan.outputs(self.job),
                    (FileSet::Output, Some(slot)) => {
                        let at = slot.0 as usize;
                        self.plan.outputs(self.job).get(at..at + 1).unwrap_or(&[])
                    }
                };
                chosen(self.plan, self.base, files, *index, *fact)
            }
            Expr::Element {
                element,
                index,
                fact,
            } => chosen(
                self.plan,
                self.base,
                self.plan.element(self.job, *element as usize),
                *index,
                *fact,
            ),
            Expr::Cores => owned(self.given.cores.to_string()),
            Expr::Gpus => owned(self.given.gpus.to_string()),
            Expr::Mem => match self.given.mem_mib {
                Some(mem) => owned(mem.to_string()),
                None => text(Vec::new()),
            },
            Expr::Rule => text(vec![Cow::Borrowed(BStr::new(&self.rule.name))]),
            Expr::Job => text(vec![Cow::Borrowed(self.plan.key(self.job))]),
            Expr::Tmp => Filled {
                kind: ValueKind::File,
                values: vec![self.placed(self.given.tmp.as_bstr())],
            },
        }
    }

    /// The job as JSON, for recipes in languages that flow does not fill in.
    fn description(&self, workflow: &Workflow) -> Vec<u8> {
        let files = |paths: &[PathId]| -> Value {
            paths
                .iter()
                .map(|path| path_json(&self.placed(self.plan.path(*path))))
                .collect()
        };
        let mut captures: Map<String, Value> = Map::new();
        for (name, value) in self.plan.captures(self.job) {
            let name = workflow.names.get(name).to_string();
            match captures.get_mut(&name) {
                None => {
                    captures.insert(name, path_json(value));
                }
                Some(Value::Array(values)) => values.push(path_json(value)),
                Some(first) => *first = json!([first.clone(), path_json(value)]),
            }
        }
        let params: Map<String, Value> = workflow
            .params_of(self.rule)
            .iter()
            .filter_map(|param| Some((param.name.clone(), param.json()?)))
            .collect();
        let description = json!({
            "schema": 1,
            "rule": self.rule.name,
            "job": path_json(self.plan.key(self.job)),
            "input": files(self.plan.inputs(self.job)),
            "output": files(self.plan.outputs(self.job)),
            "item": files(self.plan.item(self.job)),
            "captures": captures,
            "params": params,
            "cores": self.given.cores,
            "mem": self.given.mem_mib,
            "gpus": self.given.gpus,
            "tmp": path_json(&self.placed(self.given.tmp.as_bstr())),
        });
        description.to_string().into_bytes()
    }
}
