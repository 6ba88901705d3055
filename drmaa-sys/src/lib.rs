//! DRMAA v1: the interface by which programs submit jobs to Grid Engine, Slurm, PBS, LSF and others.
//!
//! [`bindings`] is the C interface as bindgen makes it from a header of our own, loaded at run time:
//! neither building nor starting a program needs a `libdrmaa`. Over it stands a safe [`Session`].
//!
//! ```no_run
//! use drmaa_sys::{Session, Wait, find};
//!
//! let library = find(None, &|name| std::env::var_os(name))[0].clone();
//! let session = Session::open(&library, None)?;
//! let mut template = session.template()?;
//! template.set("drmaa_remote_command", "/bin/sh")?;
//! template.set_list("drmaa_v_argv", &["-c", "exit 3"])?;
//! let job = template.run()?;
//! if let Wait::Ended(ended) = session.wait(Some(&job), std::time::Duration::from_secs(60))? {
//!     println!("{job}: {:?}", ended.how);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads
//!
//! The standard asks libraries to be safe for threads, and a [`Session`] can be shared: one thread may
//! wait while others submit. A process has one session at a time ([`OpenError::Active`]): libraries
//! keep it in globals. A library is never unloaded, since most leave a thread of their own running.
//!
//! # What libraries get wrong
//!
//! A status is evidence and no proof. Some report a job that was deleted as one that ended with 0;
//! Grid Engine runs a job that exits with 99 again for ever; jobs that ended while nobody had a
//! session are forgotten. Whoever must be right lets jobs leave a record of their own.
//! A library may print to standard error, block for minutes, or crash: in a program that cannot afford
//! that it belongs into a process of its own.
#![deny(unsafe_op_in_unsafe_fn)]

#[rustfmt::skip]
#[allow(non_camel_case_types, non_snake_case, missing_docs, clippy::all)]
pub mod bindings;
mod api;
mod error;
mod job;
mod library;
mod list;
mod session;
mod template;

pub use error::{Code, Error, OpenError};
pub use job::{Ended, How, State, Wait};
pub use library::{Tunables, find, tunables};
pub use session::{Control, Session};
pub use template::Template;
