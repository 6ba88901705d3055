//! The supervisor with real processes. It has to be forked before any thread starts, and its size is
//! that of the process it was forked from, so these tests bring their own `main`: each runs in a
//! process of its own, and what is printed is what `cargo test` prints.

mod processes;

use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;

use processes::{direct, ending, engine, output, starting, warm};

type Test = (&'static str, fn());

/// The first argument of this program as one test.
const ROLE: &str = "be-a-test";

/// More than there are processors: most of the time is waiting.
const N_AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let tests: Vec<Test> = [
        starting::TESTS,
        output::TESTS,
        ending::TESTS,
        engine::TESTS,
        warm::TESTS,
        direct::TESTS,
    ]
    .concat();
    match &args[..] {
        [role, rest @ ..] if role == engine::ROLE => return engine::play(rest),
        [role, name] if role == ROLE => {
            let found = tests.iter().find(|test| test.0 == name);
            found.expect("the name is a test's").1();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let is_exact = args.iter().any(|arg| arg == "--exact");
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| {
        let fits = |filter: &&String| match is_exact {
            true => name == filter.as_str(),
            false => name.contains(filter.as_str()),
        };
        filters.is_empty() || filters.iter().any(fits)
    };
    let names = tests.iter().map(|test| test.0);
    let wanted: Vec<&str> = names.filter(|name| is_wanted(name)).collect();
    if args.iter().any(|arg| arg == "--list") {
        for name in &wanted {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", wanted.len());
    let begun = std::time::Instant::now();
    let failed = run(&wanted);
    for (name, output) in &failed {
        println!("\n---- {name} ----");
        print!("{}", String::from_utf8_lossy(&output.stdout));
        print!("{}", String::from_utf8_lossy(&output.stderr));
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; \
         finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        wanted.len() - failed.len(),
        failed.len(),
        tests.len() - wanted.len(),
        begun.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Runs the tests, some at once, and returns those that fail, with what they printed.
fn run(names: &[&'static str]) -> Vec<(&'static str, Output)> {
    let program = std::env::current_exe().expect("this program has a path");
    let waiting = Mutex::new(names.iter());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..N_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(name) = waiting.lock().expect("no test panics here").next() else {
                        return;
                    };
                    let output = Command::new(&program).args([ROLE, name]).output();
                    let output = output.expect("this program starts again");
                    let is_ok = output.status.success();
                    println!("test {name} ... {}", if is_ok { "ok" } else { "FAILED" });
                    if !is_ok {
                        failed
                            .lock()
                            .expect("no test panics here")
                            .push((*name, output));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no test panics here")
}
