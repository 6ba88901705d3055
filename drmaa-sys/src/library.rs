//! Where the library is, and what keeps it from being loaded.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::api::Api;
use crate::bindings::Drmaa;
use crate::error::OpenError;

/// Names that libraries have on the loader's path.
const NAMES: [&str; 3] = ["libdrmaa.so.1.0", "libdrmaa.so.1", "libdrmaa.so"];

/// Where Debian's packages put theirs, which is on no path.
const DEBIAN: [&str; 2] = [
    "/usr/lib/gridengine-drmaa/lib/libdrmaa.so.1.0",
    "/usr/lib/slurm-drmaa/libdrmaa.so.1",
];

/// How much static thread-local storage is asked for, in bytes. Debian's Grid Engine brings a memory
/// allocator that takes 2,632 where glibc leaves 512 free.
const STATIC_TLS: u32 = 16384;

/// The libraries to try, the likeliest first: the one that is named, that of `DRMAA_LIBRARY_PATH`, Grid
/// Engine's own, the usual names and places. One that is named is the only one.
pub fn find(named: Option<&Path>, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(named) = named {
        return vec![named.into()];
    }
    if let Some(path) = set("DRMAA_LIBRARY_PATH") {
        return vec![path.into()];
    }
    let mut found: Vec<PathBuf> = Vec::new();
    if let Some(root) = set("SGE_ROOT") {
        let root = PathBuf::from(root).join("lib");
        let arch = set("SGE_ARCH").unwrap_or_else(|| OsString::from("lx-amd64"));
        for folder in [root.join(arch), root] {
            found.extend(["libdrmaa.so.1.0", "libdrmaa.so"].map(|name| folder.join(name)));
        }
        found.retain(|path| path.exists());
    }
    found.extend(NAMES.map(PathBuf::from));
    found.extend(
        DEBIAN
            .iter()
            .map(PathBuf::from)
            .filter(|path| path.exists()),
    );
    found
}

/// What `GLIBC_TUNABLES` has to be for a library that failed with [`OpenError::StaticTls`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tunables {
    /// To be set for a new process: the loader reads it once, at its start.
    Set(OsString),
    /// It is set already: more of it does not help.
    AreSet,
}

/// The value for a process whose `GLIBC_TUNABLES` is `now`; what else that says is kept.
pub fn tunables(now: Option<&OsStr>) -> Tunables {
    const NAME: &str = "glibc.rtld.optional_static_tls=";
    let now = now.unwrap_or_default().to_string_lossy();
    let mut kept: Vec<&str> = now.split(':').filter(|one| !one.is_empty()).collect();
    let enough = |one: &&str| {
        let value = one.strip_prefix(NAME);
        value.is_some_and(|value| value.parse().is_ok_and(|value: u32| value >= STATIC_TLS))
    };
    if kept.iter().any(enough) {
        return Tunables::AreSet;
    }
    kept.retain(|one| !one.starts_with(NAME));
    let own = format!("{NAME}{STATIC_TLS}");
    kept.push(&own);
    Tunables::Set(kept.join(":").into())
}

/// Loads a library, for good: it may leave a thread running, so it is never unloaded.
pub(crate) fn load(path: &Path) -> Result<&'static Api, OpenError> {
    // SAFETY: loading runs the library's initialisers. They are trusted as the library itself is,
    // which whoever runs this program has named or installed.
    let library = match unsafe { libloading::Library::new(path) } {
        Ok(library) => library,
        Err(error) => return Err(why(path, &full(&error))),
    };
    // SAFETY: the signatures are the standard's, by which the functions' names are reserved.
    match unsafe { Drmaa::from_library(library) } {
        Ok(api) => Ok(Box::leak(Box::new(Api(api)))),
        Err(error) => Err(OpenError::Unusable(path.into(), full(&error))),
    }
}

/// An error with its causes, which is where the loader's own words are.
fn full(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => full(source),
        None => error.to_string(),
    }
}

fn why(path: &Path, text: &str) -> OpenError {
    let (path, text_owned) = (path.to_path_buf(), text.to_string());
    if text.contains("static TLS") {
        OpenError::StaticTls(path, text_owned)
    } else if text.contains("No such file") && text.contains(&*path.to_string_lossy()) {
        OpenError::NotFound(path, "no such file".into())
    } else {
        OpenError::Unusable(path, text_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_the_only_one() {
        let nothing = |_: &str| None;
        let set = |name: &str| (name == "DRMAA_LIBRARY_PATH").then(|| OsString::from("/x/y.so"));
        assert_eq!(
            find(Some(Path::new("/a.so")), &set),
            [PathBuf::from("/a.so")]
        );
        assert_eq!(find(None, &set), [PathBuf::from("/x/y.so")]);
        assert_eq!(find(None, &nothing)[0], PathBuf::from("libdrmaa.so.1.0"));
    }

    #[test]
    fn grid_engine_has_its_own() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("lib/lx-amd64");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("libdrmaa.so"), "").unwrap();
        let set = |name: &str| (name == "SGE_ROOT").then(|| root.path().into());
        assert_eq!(find(None, &set)[0], folder.join("libdrmaa.so"));
    }

    #[test]
    fn tunables_are_added_to_what_is_set() {
        let own = "glibc.rtld.optional_static_tls=16384";
        let set = |text: &str| Tunables::Set(text.into());
        assert_eq!(tunables(None), set(own));
        let other = tunables(Some(OsStr::new("glibc.malloc.check=1")));
        assert_eq!(other, set(&format!("glibc.malloc.check=1:{own}")));
        let small = tunables(Some(OsStr::new("glibc.rtld.optional_static_tls=600")));
        assert_eq!(small, set(own));
        assert_eq!(tunables(Some(OsStr::new(own))), Tunables::AreSet);
    }

    #[test]
    fn the_loaders_words_are_understood() {
        let path = Path::new("/l/libdrmaa.so");
        let tls = why(
            path,
            "libjemalloc.so.2: cannot allocate memory in static TLS block",
        );
        assert!(matches!(tls, OpenError::StaticTls(..)));
        let text = "/l/libdrmaa.so: cannot open shared object file: No such file or directory";
        assert!(matches!(why(path, text), OpenError::NotFound(..)));
        // One that it needs.
        let text = "libx.so: cannot open shared object file: No such file or directory";
        assert!(matches!(why(path, text), OpenError::Unusable(..)));
    }
}
