//! Submits N trivial jobs one by one and waits for all: what a scheduler can do at best.
//!
//!     cargo run -p drmaa-sys --release --example bare_loop -- N [NATIVE]

use std::time::{Duration, Instant};

use drmaa_sys::{How, Session, Wait, find};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let n: u32 = args.next().ok_or("how many jobs?")?.parse()?;
    let library = find(None, &|name| std::env::var_os(name))[0].clone();
    let session = Session::open(&library, None)?;
    let mut template = session.template()?;
    template.set("drmaa_remote_command", "/bin/true")?;
    template.set("drmaa_output_path", ":/dev/null")?;
    template.set("drmaa_error_path", ":/dev/null")?;
    if let Some(native) = args.next() {
        template.set("drmaa_native_specification", &native)?;
    }
    let began = Instant::now();
    for _ in 0..n {
        template.run()?;
    }
    let submitted = began.elapsed();
    let mut n_ended = 0;
    while n_ended < n {
        match session.wait(None, Duration::from_secs(10))? {
            Wait::Ended(ended) if ended.how == How::Exited(0) => n_ended += 1,
            Wait::Ended(ended) => return Err(format!("{ended:?}").into()),
            Wait::NotYet => {}
            Wait::Nothing => return Err("jobs were lost".into()),
        }
    }
    let (submitted, all) = (submitted.as_secs_f64(), began.elapsed().as_secs_f64());
    println!("{n} jobs: submitted in {submitted:.2} s, all ended after {all:.2} s");
    Ok(())
}
