//! `flow list`: the rules with their descriptions, the params with their types and defaults.

use super::options::{ListOptions, Place};
use super::{Exit, open};
use crate::lang::Diag;
use crate::ui::{Role, Style, human, safe};
use crate::workflow::{Rule, Workflow, waits_for_a_run};

pub fn list(options: ListOptions) -> anyhow::Result<Exit> {
    // A param without a value is no mistake here: this is where people look which there are.
    let opened = match open::open(&options.common, &Place::default(), &[])? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let mut others = opened.diags.clone();
    others.retain(|diag| !waits_for_a_run(diag));
    if others.iter().any(Diag::is_error) {
        opened.terminal.show(&others, &opened.sources);
        return Ok(Exit::WrongWorkflow);
    }
    anstream::print!("{}", text(&opened.workflow, opened.terminal.out));
    Ok(Exit::Done)
}

/// Under which heading, name, what it is, description.
type Row<'a> = (&'static str, String, String, &'a str);

/// One line per rule and param, descriptions beside them, further lines below.
fn text(workflow: &Workflow, style: Style) -> String {
    let mut rows: Vec<Row> = Vec::new();
    for rule in workflow.rules.values() {
        let mut verb = rule.verb.keyword().to_string();
        if let Some(condition) = rule.active_if.as_ref().filter(|_| !rule.is_active()) {
            verb += &format!(", inactive (active_if {})", condition.text);
        }
        rows.push((
            "Rules",
            rule.name.clone(),
            verb,
            rule.doc.as_deref().unwrap_or(""),
        ));
    }
    for param in &workflow.params {
        let default = match &param.default {
            Some(default) => format!("{} = {}", param.kind.name(), default.shown()),
            None => "required".to_string(),
        };
        rows.push((
            "Params",
            param.name.clone(),
            default,
            param.doc.as_deref().unwrap_or(""),
        ));
    }
    for target in &workflow.targets {
        rows.push(("Targets", target.name.clone(), String::new(), ""));
    }
    for table in workflow.tables.values() {
        let rows_of_table = human::counted(table.rows.len() as u64, "row");
        rows.push(("Tables", table.name.clone(), rows_of_table, ""));
    }
    for limit in workflow.limits.values() {
        // A rule's own limit is called as the rule is, without its module.
        let own = |rule: &Rule| rule.name.rsplit('.').next() == Some(limit.name.as_str());
        if !workflow.rules.values().iter().any(|rule| own(rule)) {
            rows.push(("Limits", limit.name.clone(), limit.count.to_string(), ""));
        }
    }
    let mut out = String::new();
    let mut heading = "";
    let (mut width, mut what_width) = (0, 0);
    for (group, name, what, doc) in &rows {
        if *group != heading {
            let in_group = || rows.iter().filter(|row| row.0 == *group);
            let longest = |of: fn(&Row) -> usize| {
                let lengths = in_group().map(of);
                lengths.max().unwrap_or(0)
            };
            width = longest(|row| row.1.chars().count());
            what_width = longest(|row| row.2.chars().count()).min(24);
            if !heading.is_empty() {
                out.push('\n');
            }
            out.push_str(&format!("{}\n", style.paint(Role::Strong, group)));
            heading = group;
        }
        let mut lines = doc.lines();
        let first = safe::line(lines.next().unwrap_or("").trim().as_bytes());
        let what = safe::line(what.as_bytes());
        let line = format!("  {name:width$}  {what:what_width$}  {first}");
        out.push_str(line.trim_end());
        out.push('\n');
        for line in lines.map(|line| safe::line(line.trim().as_bytes())) {
            out.push_str(&format!("  {:width$}  {:what_width$}  {line}\n", "", ""));
        }
    }
    out
}
