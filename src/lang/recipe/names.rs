//! Settles which braces are placeholders, once it is known which names exist.

use super::{Part, RecipeText};
use crate::lang::ast::Hole;
use crate::lang::diag::Diag;
use crate::lang::nearest::{distance, nearest};

impl RecipeText {
    /// Makes unknown names in single quotes and quoted here-documents text, and reports everything
    /// that is wrong or risky about the placeholders. `names` is what "did you mean" chooses from.
    ///
    /// Afterwards every placeholder left has a known name, or was reported.
    pub fn check_names(
        &mut self,
        mut is_known: impl FnMut(&Hole) -> bool,
        names: &[&str],
    ) -> Vec<Diag> {
        let mut diags = Vec::new();
        for part in &mut self.parts {
            let Part::Placeholder(placeholder) = part else {
                continue;
            };
            let hole = &placeholder.hole;
            let name = hole.name.value.as_str();
            let source = &self.text[placeholder.range.clone()];
            if is_known(hole) {
                let found = [&placeholder.refusal, &placeholder.caution];
                diags.extend(found.into_iter().flatten().map(|diag| (**diag).clone()));
                continue;
            }
            if placeholder.unknown_is_text {
                let meant = names.iter().find(|known| distance(name, known) == 1);
                // One letter is one edit away from every other.
                if let Some(meant) = meant.filter(|_| name.chars().count() > 2) {
                    let diag = Diag::warning("W0154", format!("{source} is left as text here"));
                    diags.push(
                        diag.at(hole.span, "no such name, and quotes around it")
                            .fix(format!("did you mean `{meant}`?"), hole.name.span, *meant),
                    );
                }
                *part = Part::Text(placeholder.range.clone());
                continue;
            }
            let diag = Diag::error("E0154", format!("there is no `{name}` to fill in"));
            let diag = diag.at(hole.span, "unknown name");
            let literal = format!("write `{{{source}}}` for a literal `{source}`");
            diags.push(
                match nearest(name, names.iter().copied()) {
                    Some(meant) => {
                        diag.fix(format!("did you mean `{meant}`?"), hole.name.span, meant)
                    }
                    None => diag,
                }
                .help(literal),
            );
        }
        diags
    }
}
