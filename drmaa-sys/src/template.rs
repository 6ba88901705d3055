//! Job templates: attributes, and submission.

use std::ptr;

use crate::api::c_text;
use crate::bindings as c;
use crate::error::Error;
use crate::list::elements;
use crate::session::Session;

/// What a job is to be. It can be submitted as often as wanted.
#[derive(Debug)]
pub struct Template<'s> {
    session: &'s Session,
    template: *mut c::drmaa_job_template_t,
}

impl<'s> Template<'s> {
    pub(crate) fn new(session: &'s Session) -> Result<Template<'s>, Error> {
        let api = session.api;
        let mut template = ptr::null_mut();
        api.call("drmaa_allocate_job_template", |why, len| {
            // SAFETY: a place for a pointer, a buffer as long as it says.
            unsafe { api.0.drmaa_allocate_job_template(&mut template, why, len) }
        })?;
        Ok(Template { session, template })
    }

    /// Sets an attribute: `drmaa_remote_command`, `drmaa_wd`, `drmaa_native_specification`, …
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        const CALL: &str = "drmaa_set_attribute";
        let (api, name, value) = (self.session.api, c_text(name, CALL)?, c_text(value, CALL)?);
        api.call(CALL, |why, len| {
            let (name, value) = (name.as_ptr(), value.as_ptr());
            // SAFETY: the template is the library's own, the texts are C strings.
            unsafe {
                api.0
                    .drmaa_set_attribute(self.template, name, value, why, len)
            }
        })
    }

    /// Sets an attribute that is a list: `drmaa_v_argv`, `drmaa_v_env` (`NAME=VALUE` each).
    pub fn set_list(&mut self, name: &str, values: &[&str]) -> Result<(), Error> {
        const CALL: &str = "drmaa_set_vector_attribute";
        let (api, name) = (self.session.api, c_text(name, CALL)?);
        let texts = values.iter().map(|value| c_text(value, CALL));
        let texts: Vec<_> = texts.collect::<Result<_, _>>()?;
        let pointers = texts.iter().map(|text| text.as_ptr());
        let mut pointers: Vec<_> = pointers.chain([ptr::null()]).collect();
        api.call(CALL, |why, len| {
            let (name, values) = (name.as_ptr(), pointers.as_mut_ptr());
            // SAFETY: as above; the list ends with a null pointer.
            unsafe {
                api.0
                    .drmaa_set_vector_attribute(self.template, name, values, why, len)
            }
        })
    }

    /// The value of an attribute that was set.
    pub fn get(&self, name: &str) -> Result<String, Error> {
        const CALL: &str = "drmaa_get_attribute";
        let (api, name) = (self.session.api, c_text(name, CALL)?);
        api.text(CALL, c::DRMAA_ATTR_BUFFER, |at, n, why, len| {
            // SAFETY: as above; the buffer is as long as it says.
            unsafe {
                api.0
                    .drmaa_get_attribute(self.template, name.as_ptr(), at, n, why, len)
            }
        })
    }

    /// Submits one job, and gives its id.
    pub fn run(&self) -> Result<String, Error> {
        let api = self.session.api;
        api.text(
            "drmaa_run_job",
            c::DRMAA_JOBNAME_BUFFER,
            |at, n, why, len| {
                // SAFETY: a buffer as long as it says; the library only reads the template.
                unsafe { api.0.drmaa_run_job(at, n, self.template, why, len) }
            },
        )
    }

    /// Submits a job of many tasks, numbered from `first` to `last`, and gives their ids in that order.
    pub fn run_bulk(&self, first: i32, last: i32) -> Result<Vec<String>, Error> {
        const CALL: &str = "drmaa_run_bulk_jobs";
        let api = self.session.api;
        let mut ids = ptr::null_mut();
        api.call(CALL, |why, len| {
            // SAFETY: a place for a list; the library only reads the template.
            unsafe {
                api.0
                    .drmaa_run_bulk_jobs(&mut ids, self.template, first, last, 1, why, len)
            }
        })?;
        if ids.is_null() {
            return Err(api.error(CALL, 1, "no list of jobs came back"));
        }
        let found = elements(c::DRMAA_JOBNAME_BUFFER as usize, |at, len| {
            // SAFETY: the library made the list, and it is not freed yet.
            unsafe { api.0.drmaa_get_next_job_id(ids, at, len) }
        });
        // SAFETY: as above; nobody uses it from here on.
        unsafe { api.0.drmaa_release_job_ids(ids) };
        found.map_err(|code| api.error("drmaa_get_next_job_id", code, ""))
    }
}

impl Drop for Template<'_> {
    fn drop(&mut self) {
        let api = self.session.api;
        // Nobody could do anything about an error.
        let _ = api.call("drmaa_delete_job_template", |why, len| {
            // SAFETY: the library made it, and nobody uses it from here on.
            unsafe { api.0.drmaa_delete_job_template(self.template, why, len) }
        });
    }
}
