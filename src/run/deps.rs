//! What a job says that it has read: the Makefile rule of `deps`, once it has run.

use bstr::{BString, ByteSlice};

use super::start::engine;
use super::{Engine, Running};
use crate::event::Failure;
use crate::pattern::clean;
use crate::plan::JobId;
use crate::stale::depfile;

impl Engine<'_> {
    /// Removes the file of an earlier try: what it says must not be taken for what this one reads.
    /// One that a job makes, or that is an input, is not this try's to remove.
    pub(super) fn drop_old_deps(&mut self, job: JobId, deps: &[u8]) -> Result<(), Failure> {
        let path = self.plan.paths.find(deps);
        let is_others = path.is_some_and(|path| {
            self.plan.producer(path).is_some() || self.plan.inputs(job).contains(&path)
        });
        if deps.is_empty() || is_others {
            return Ok(());
        }
        let removed = self.store.disk().remove(deps);
        removed.map_err(|error| engine("remove the old `deps` file", &error))
    }

    /// Records what the job has read. Returns a file among that which changed since it began.
    pub(super) fn read_deps(&mut self, running: &Running) -> Result<Option<BString>, Failure> {
        let deps = &running.deps;
        if deps.is_empty() {
            return Ok(None);
        }
        let disk = self.store.disk();
        if !matches!(disk.stat(deps), Ok(Some(_))) {
            return Err(Failure::OutputsMissing(vec![deps.clone()]));
        }
        let text = disk
            .read(deps)
            .map_err(|error| engine("read the `deps` file", &error))?;
        let Some(named) = depfile::parse(&text) else {
            return Err(Failure::Engine(format!("`{deps}` holds no Makefile rule")));
        };
        let job = running.job;
        let own = |file: &BString| {
            let path = self.plan.paths.find(file);
            path.is_some_and(|path| {
                self.plan.inputs(job).contains(&path) || self.plan.outputs(job).contains(&path)
            })
        };
        let mut files: Vec<BString> = Vec::new();
        let mut late = None;
        for file in named {
            let file = self.as_written(&file, &running.dir);
            if own(&file) {
                continue;
            }
            // What is gone by now can never be compared.
            let Ok(Some(stat)) = disk.stat(&file) else {
                continue;
            };
            if stat.modified > running.began {
                late.get_or_insert(file.clone());
            }
            files.push(file);
        }
        let mut paths = Vec::with_capacity(files.len());
        for file in &files {
            let path = self.plan.paths.intern(file);
            self.judge.facts.keep(path, disk.look(file).ok().flatten());
            paths.push(path);
        }
        self.judge.set_extra(job, paths);
        let key: BString = self.plan.key(job).into();
        if let Some(discovered) = &mut self.judge.discovered
            && let Err(error) = discovered.record(&key, &files)
        {
            self.stop(format!("{error:#}"));
        }
        Ok(late)
    }

    /// A path that a recipe in `dir` wrote, relative to the workflow's folder where it lies in it.
    fn as_written(&self, file: &[u8], dir: &[u8]) -> BString {
        let file = match (file.starts_with(b"/"), dir.is_empty()) {
            (false, false) => [dir, b"/", file].concat(),
            _ => file.to_vec(),
        };
        let inside = file
            .strip_prefix(self.options.folder.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"/"));
        clean(inside.unwrap_or(&file)).into_owned().into()
    }
}
