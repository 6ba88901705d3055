//! The session: submitting goes through its templates, waiting and control through itself.

use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::api::{Api, c_text};
use crate::bindings as c;
use crate::error::{Code, Error, OpenError};
use crate::job::{Ended, How, State, Wait};
use crate::library::load;
use crate::list::{elements, text};
use crate::template::Template;

/// Whether this process has a session.
static IS_ACTIVE: AtomicBool = AtomicBool::new(false);

/// A connection to the scheduler, the only one of the process. It ends when this is dropped; its jobs
/// go on.
#[derive(Debug)]
pub struct Session {
    pub(crate) api: &'static Api,
}

/// What to do to a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    Suspend,
    Resume,
    Hold,
    Release,
    Terminate,
}

impl Session {
    /// Loads a library and begins a session; with the contact of an earlier one where the library can
    /// take up its jobs.
    pub fn open(library: &Path, contact: Option<&str>) -> Result<Session, OpenError> {
        let contact = contact.map(|contact| c_text(contact, "drmaa_init"));
        let contact = contact.transpose().map_err(OpenError::Refused)?;
        if IS_ACTIVE.swap(true, Ordering::SeqCst) {
            return Err(OpenError::Active);
        }
        let opened = load(library).and_then(|api| {
            let contact = contact.as_ref().map_or(ptr::null(), |text| text.as_ptr());
            let begun = api.call("drmaa_init", |why, len| {
                // SAFETY: the contact is null or a C string, the buffer is as long as it says.
                unsafe { api.0.drmaa_init(contact, why, len) }
            });
            begun.map_err(OpenError::Refused)?;
            Ok(Session { api })
        });
        if opened.is_err() {
            IS_ACTIVE.store(false, Ordering::SeqCst);
        }
        opened
    }

    /// What a later session can take up this one's jobs by; may be empty.
    pub fn contact(&self) -> Result<String, Error> {
        let api = self.api;
        // SAFETY: the buffers are as long as they say, here and in the two below.
        api.text(
            "drmaa_get_contact",
            c::DRMAA_CONTACT_BUFFER,
            |at, n, why, len| unsafe { api.0.drmaa_get_contact(at, n, why, len) },
        )
    }

    /// The scheduler, as in `SGE 8.1.9`.
    pub fn system(&self) -> Result<String, Error> {
        let api = self.api;
        api.text(
            "drmaa_get_DRM_system",
            c::DRMAA_DRM_SYSTEM_BUFFER,
            |at, n, why, len| unsafe { api.0.drmaa_get_DRM_system(at, n, why, len) },
        )
    }

    /// The library, in its own words.
    pub fn implementation(&self) -> Result<String, Error> {
        let (api, room) = (self.api, c::DRMAA_IMPLEMENTATION_BUFFER);
        api.text(
            "drmaa_get_DRMAA_implementation",
            room,
            |at, n, why, len| unsafe { api.0.drmaa_get_DRMAA_implementation(at, n, why, len) },
        )
    }

    /// A new job template.
    pub fn template(&self) -> Result<Template<'_>, Error> {
        Template::new(self)
    }

    /// Where a job stands.
    pub fn state(&self, job: &str) -> Result<State, Error> {
        let (api, job) = (self.api, c_text(job, "drmaa_job_ps")?);
        let mut state = 0;
        api.call("drmaa_job_ps", |why, len| {
            // SAFETY: a C string, a place for a number, a buffer as long as it says.
            unsafe { api.0.drmaa_job_ps(job.as_ptr(), &mut state, why, len) }
        })?;
        Ok(State::of(state))
    }

    /// Does something to a job; `None`: to all of the session.
    pub fn control(&self, job: Option<&str>, what: Control) -> Result<(), Error> {
        let all = c::DRMAA_JOB_IDS_SESSION_ALL.to_str().unwrap_or_default();
        let (api, job) = (self.api, c_text(job.unwrap_or(all), "drmaa_control")?);
        let action = match what {
            Control::Suspend => c::DRMAA_CONTROL_SUSPEND,
            Control::Resume => c::DRMAA_CONTROL_RESUME,
            Control::Hold => c::DRMAA_CONTROL_HOLD,
            Control::Release => c::DRMAA_CONTROL_RELEASE,
            Control::Terminate => c::DRMAA_CONTROL_TERMINATE,
        };
        api.call("drmaa_control", |why, len| {
            // SAFETY: a C string, a buffer as long as it says.
            unsafe { api.0.drmaa_control(job.as_ptr(), action as i32, why, len) }
        })
    }

    /// Waits for the end of a job, or of any of the session. What it gives is forgotten by the library.
    ///
    /// Times are whole seconds, rounded up; zero only looks.
    pub fn wait(&self, job: Option<&str>, at_most: Duration) -> Result<Wait, Error> {
        const CALL: &str = "drmaa_wait";
        let any = c::DRMAA_JOB_IDS_SESSION_ANY.to_str().unwrap_or_default();
        let is_any = job.is_none();
        let (api, job) = (self.api, c_text(job.unwrap_or(any), CALL)?);
        let seconds = at_most.as_millis().div_ceil(1000);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let mut id = [0u8; c::DRMAA_JOBNAME_BUFFER as usize + 1];
        let mut status = 0;
        let mut usage = ptr::null_mut();
        let waited = api.call(CALL, |why, len| {
            let (start, room) = (id.as_mut_ptr().cast(), id.len() - 1);
            // SAFETY: a C string, buffers as long as they say, places for a number and a list.
            unsafe {
                let job = job.as_ptr();
                api.0
                    .drmaa_wait(job, start, room, &mut status, seconds, &mut usage, why, len)
            }
        });
        let usage = self.usage(usage);
        let how = match waited {
            Ok(()) => self.how(status)?,
            Err(error) => match error.code {
                Code::Timeout => return Ok(Wait::NotYet),
                Code::InvalidJob if is_any => return Ok(Wait::Nothing),
                Code::NoUsage => How::NoUsage,
                _ => return Err(error),
            },
        };
        let job = match text(&id) {
            // Some leave it empty without usage.
            id if id.is_empty() && !is_any => job.to_string_lossy().into_owned(),
            id => id,
        };
        Ok(Wait::Ended(Ended { job, how, usage }))
    }

    /// Reads a list of what a job used, and frees it.
    fn usage(&self, list: *mut c::drmaa_attr_values_t) -> Vec<(String, String)> {
        if list.is_null() {
            return Vec::new();
        }
        let found = elements(c::DRMAA_ATTR_BUFFER as usize, |at, len| {
            // SAFETY: the library made the list, and it is not freed yet.
            unsafe { self.api.0.drmaa_get_next_attr_value(list, at, len) }
        });
        // SAFETY: as above; nobody uses it from here on.
        unsafe { self.api.0.drmaa_release_attr_values(list) };
        let pairs = found.unwrap_or_default().into_iter().filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_string(), value.to_string()))
        });
        pairs.collect()
    }

    /// What a status says.
    fn how(&self, status: i32) -> Result<How, Error> {
        let (api, c) = (self.api, &self.api.0);
        let number = |name, ask: &dyn Fn(*mut i32, *mut std::ffi::c_char, usize) -> i32| {
            let mut answer = 0;
            api.call(name, |why, len| ask(&mut answer, why, len))?;
            Ok::<i32, Error>(answer)
        };
        // SAFETY: each gets a place for a number and a buffer as long as it says.
        let is = |name, which: u8| {
            number(name, &|at, why, len| unsafe {
                match which {
                    0 => c.drmaa_wifaborted(at, status, why, len),
                    1 => c.drmaa_wifsignaled(at, status, why, len),
                    2 => c.drmaa_wifexited(at, status, why, len),
                    _ => c.drmaa_wexitstatus(at, status, why, len),
                }
            })
        };
        if is("drmaa_wifaborted", 0)? != 0 {
            return Ok(How::Aborted);
        }
        // Some say that a job exited which a signal ended, and that a signal ended it.
        if is("drmaa_wifsignaled", 1)? != 0 {
            let room = crate::bindings::DRMAA_SIGNAL_BUFFER;
            let signal = api.text("drmaa_wtermsig", room, |at, n, why, len| unsafe {
                c.drmaa_wtermsig(at, n, status, why, len)
            });
            return Ok(How::Signaled(signal.unwrap_or_default()));
        }
        if is("drmaa_wifexited", 2)? != 0 {
            return Ok(How::Exited(is("drmaa_wexitstatus", 3)?));
        }
        Ok(How::Unknown)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let api = self.api;
        // Nobody could do anything about an error.
        let _ = api.call("drmaa_exit", |why, len| {
            // SAFETY: a buffer as long as it says.
            unsafe { api.0.drmaa_exit(why, len) }
        });
        IS_ACTIVE.store(false, Ordering::SeqCst);
    }
}
