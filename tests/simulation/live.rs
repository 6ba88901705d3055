//! The life of one world: runs with trouble, then runs in peace, which must come to what a clean build
//! comes to and then to rest.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use bstr::BStr;
use flow::disk::Disk;
use flow::history::output::{Kind, Log};
use flow::lang::{Diag, Sources, parse};
use flow::pattern::Listing;
use flow::plan::want::Wanted;
use flow::plan::{Context, Plan};
use flow::run::{self, Clock, Msg, Options, Setup, Summary, outputs};
use flow::stale::print::prints;
use flow::stale::problem::missing_inputs;
use flow::stale::{Forced, Judge, Level, settle};
use flow::workflow::Workflow;
use flow::workflow::load::{Settings, load};

use super::book::Keeper;
use super::disk::Crash;
use super::fold::Ear;
use super::job::{Hands, rule_of};
use super::mistake::Mistake;
use super::spec::{From, With};
use super::world::{World, Wrong};

pub type Shared = Rc<RefCell<World>>;

/// How a world's life went.
pub struct Life {
    pub n_runs: u64,
    pub digest: u64,
    /// The rule that was broken, and what happened before, where that was asked for.
    pub wrong: Option<String>,
    pub story: Vec<String>,
}

/// How one run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    /// All is up to date, as far as the run knows.
    Well,
    Badly,
    /// It did not begin, or the engine died.
    Not,
}

/// Lives the world of a seed.
pub fn live(seed: u64, mistake: Option<Mistake>, tells: bool) -> Life {
    let world = Rc::new(RefCell::new(World::new(seed, mistake, tells)));
    if tells {
        let text = world.borrow().spec.text();
        world.borrow_mut().tell(|| format!("the workflow:\n{text}"));
    }
    let lived = catch_unwind(AssertUnwindSafe(|| whole_life(&world)));
    let wrong = lived.err().map(|panic| match panic.downcast::<Wrong>() {
        Ok(wrong) => wrong.0,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or(panic.downcast_ref::<&str>().map(ToString::to_string));
            format!("a panic: {}", text.unwrap_or_default())
        }
    });
    let mut world = world.borrow_mut();
    Life {
        n_runs: world.n_runs,
        digest: world.digest,
        wrong,
        story: world.story.take().unwrap_or_default(),
    }
}

/// So many runs in peace bring everything up to date.
const MOST_RUNS: u32 = 4;

fn whole_life(world: &Shared) {
    let n_troubled = world.borrow_mut().dice.between(1, 5);
    for _ in 0..n_troubled {
        world.borrow_mut().is_troubled = true;
        one_run(world);
        let mut world = world.borrow_mut();
        for _ in 0..world.dice.below(4) {
            let ms = world.dice.below(3000);
            let at = world.later(ms);
            world.pass(at);
            world.user_acts(false);
        }
    }
    {
        let mut world = world.borrow_mut();
        world.is_troubled = false;
        world.restore_configs();
    }
    let mut n = 0;
    while one_run(world) != Ended::Well {
        n += 1;
        if n == MOST_RUNS {
            world
                .borrow_mut()
                .wrong(format!("{n} runs in peace did not bring all up to date"));
        }
    }
    world.borrow_mut().check_by_hand();
    // Whoever has all does nothing more.
    let ended = one_run(world);
    let mut world = world.borrow_mut();
    let n_starts = world.fold.n_starts;
    if n_starts > 0 || ended != Ended::Well {
        world.wrong(format!(
            "a run after one that went well starts {n_starts} jobs"
        ));
    }
}

fn one_run(world: &Shared) -> Ended {
    world.borrow_mut().begin_run();
    match catch_unwind(AssertUnwindSafe(|| try_run(world))) {
        Ok(ended) => {
            let mut world = world.borrow_mut();
            world.end_run();
            // What a clean build makes is there, unless somebody has disturbed it.
            if ended == Ended::Well && !world.is_disturbed && !world.is_in_doubt {
                check_result(&mut world);
            }
            ended
        }
        Err(panic) if panic.is::<Crash>() => {
            world.borrow_mut().died();
            Ended::Not
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// All files of a clean build are there with the same contents.
fn check_result(world: &mut World) {
    let built = world.spec.build(&world.sources());
    for node in &built.nodes {
        for (path, text) in &node.outputs {
            let found = world.disk.mem.read(path.as_bytes());
            let is_temp = world.spec.rules[node.rule].is_temp;
            match found {
                Err(_) if is_temp => {}
                Err(_) => world.wrong(format!("all went well, and {path} is not there")),
                Ok(found) if found != text.as_bytes() => {
                    let found = String::from_utf8_lossy(&found).into_owned();
                    world.wrong(format!(
                        "{path} is not what a clean build makes: {found}, not {text}"
                    ));
                }
                Ok(_) => {}
            }
        }
    }
    // One that is told to start nothing new does no `then` either.
    let has_then = |rule: &&String| rule_of(rule).is_some_and(|at| world.spec.rules[at].has_then);
    if let Some(rule) = world.owed.iter().find(has_then).cloned()
        && !world.is_troubled
    {
        world.wrong(format!(
            "all went well, and no `then` came after the last job of {rule}"
        ));
    }
}

/// A workflow that was read.
struct Parsed {
    sources: Sources,
    workflow: Workflow,
}

fn parsed(text: &str) -> Rc<Parsed> {
    thread_local! {
        static READ: RefCell<HashMap<String, Rc<Parsed>>> = RefCell::default();
    }
    READ.with_borrow_mut(|read| {
        if let Some(parsed) = read.get(text) {
            return Rc::clone(parsed);
        }
        if read.len() > 64 {
            read.clear();
        }
        let mut sources = Sources::default();
        let file = sources.add("workflow.flow", text);
        let (ast, mut diags) = parse(file, text);
        let (workflow, found) = load(&ast, &mut sources, &Settings::default(), &|_| {
            Err(std::io::ErrorKind::NotFound.into())
        });
        diags.extend(found);
        let wrong: Vec<&Diag> = diags.iter().filter(|diag| diag.is_error()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{text}");
        let parsed = Rc::new(Parsed { sources, workflow });
        read.insert(text.into(), Rc::clone(&parsed));
        parsed
    })
}

/// Virtual time.
struct WorldClock(Shared);

impl Clock for WorldClock {
    fn elapsed(&self) -> Duration {
        let world = self.0.borrow();
        world.now - world.began
    }

    fn now(&self) -> jiff::Timestamp {
        let wall = self.0.borrow().wall();
        jiff::Timestamp::from_nanosecond(wall.into()).expect("it is near the present")
    }

    fn wait(&self, _: &Receiver<Msg>, longest: Duration) -> Result<Msg, RecvTimeoutError> {
        self.0.borrow_mut().wait(longest)
    }
}

/// Keeps nothing, and fails when the disk is full.
struct Forgetful(Shared);

impl Log for Forgetful {
    fn write(&mut self, _: Kind, _: &[u8], _: u32, _: &[u8]) -> anyhow::Result<()> {
        Ok(self.0.borrow().disk.fails()?)
    }
}

/// One run, as `flow run` does it.
fn try_run(world: &Shared) -> Ended {
    let (disk, book, debts, mistake) = {
        let world = world.borrow();
        let disk = Arc::clone(&world.disk);
        (disk, world.book.clone(), world.debts.clone(), world.mistake)
    };
    if mistake != Some(Mistake::NoFencing) {
        world.borrow_mut().fence();
    }
    let refused = |why: String| {
        let mut world = world.borrow_mut();
        world.tell(|| format!("flow does not begin: {why}"));
        if !world.is_troubled {
            world.wrong(format!("a run in peace does not begin: {why}"));
        }
        Ended::Not
    };
    let mut store = match book.load() {
        Ok(store) => store,
        Err(error) => return refused(format!("{error:#}")),
    };
    let id = format!("run{:03}", world.borrow().n_runs);
    let mut outputs = outputs::Store::new(&*disk, ".flow".into(), id);
    let begun = outputs.recover(&store).and_then(|told| {
        for line in told {
            world.borrow_mut().tell(|| line);
        }
        store.begin_in(&book)
    });
    if let Err(error) = begun {
        return refused(error.to_string());
    }
    let text = world.borrow().spec.text();
    let parsed = parsed(&text);
    let listing = RefCell::new(Listing::new(&*disk));
    let context = Context {
        workflow: &parsed.workflow,
        listing: &listing,
    };
    let mut plan = Plan::new(context);
    if let Some(diag) = plan.diags.iter().find(|diag| diag.is_error()) {
        return refused(diag.message.clone());
    }
    let (wanted, options, level) = choose(&mut world.borrow_mut(), &plan, context);
    let mut wanted = wanted;
    let all_prints = mistake.map(|_| prints(&parsed.workflow));
    let history = Keeper::new(&mut store, Arc::clone(&disk), mistake, &plan, |key| {
        let world = world.borrow();
        let name = format!("r{}", rule_of(&key.to_string())?);
        let mut rules = parsed.workflow.rules.iter();
        let (id, _) = rules.find(|(_, rule)| rule.name == name)?;
        Some((all_prints.as_ref()?[id].clone(), is_leaf(&world, key)))
    });
    let mut judge = Judge::new(Forced::default(), level);
    settle(
        &mut plan,
        context,
        &mut wanted,
        &mut judge,
        &*disk,
        &history,
    );
    let missing = missing_inputs(&plan, context, &wanted, &judge);
    if let Some(diag) = plan
        .diags
        .iter()
        .chain(&missing)
        .find(|diag| diag.is_error())
    {
        return refused(diag.message.clone());
    }
    let (_sender, inbox) = channel();
    let summary = run::run(Setup {
        context,
        sources: &parsed.sources,
        plan,
        wanted,
        judge,
        store: outputs,
        history: Box::new(history),
        owed: Box::new(debts),
        executor: Box::new(Hands(Rc::clone(world))),
        inbox,
        clock: Box::new(WorldClock(Rc::clone(world))),
        sinks: vec![Box::new(Ear(Rc::clone(world)))],
        log: Box::new(Forgetful(Rc::clone(world))),
        fence: Box::new(|| {
            world.borrow_mut().fence();
            Ok(())
        }),
        anchor: Box::new(|| Ok(None)),
        suspend: Box::new(|| world.borrow_mut().stand_still()),
        explain: Box::new(|_, _, _, _, _, _| unreachable!("nobody asks why")),
        options,
    });
    let summary = match summary {
        Ok(summary) => summary,
        Err(error) => return refused(format!("{error:#}")),
    };
    let run = flow::history::Run {
        tally: summary.tally,
        ..flow::history::Run::default()
    };
    if summary.lost.is_none() {
        book.closed();
    }
    store.ran(&run).ok();
    let mut world = world.borrow_mut();
    world.check_end(&summary);
    ended(&mut world, &summary)
}

fn ended(world: &mut World, summary: &Summary) -> Ended {
    if let Some(lost) = &summary.lost {
        world.tell(|| format!("the run could not go on: {lost}"));
    }
    let tally = &summary.tally;
    let is_well = summary.lost.is_none()
        && summary.interrupt.is_none()
        && !summary.diags.iter().any(Diag::is_error)
        && !summary.is_outdated
        && tally.failures() + tally.skipped + tally.cancelled == 0
        && !world.fold.has_changed_inputs();
    if !is_well {
        return Ended::Badly;
    }
    if !world.is_troubled {
        // Who was stale by what the user did to outputs has run.
        world.handled.clear();
    }
    Ended::Well
}

/// What is asked for, and how.
fn choose(world: &mut World, plan: &Plan, context: Context) -> (Wanted, Options, Level) {
    let is_troubled = world.is_troubled;
    let mut wanted = Wanted::default();
    if is_troubled && world.dice.chance(15) {
        world.is_disturbed = true;
        let at = world.dice.below(world.spec.rules.len() as u64);
        let name = format!("r{at}");
        let mut rules = context.workflow.rules.iter();
        let (rule, _) = rules
            .find(|(_, rule)| rule.name == name)
            .expect("it is there");
        world.tell(|| format!("asked for {name}"));
        wanted.add_rule(plan, context, rule);
    } else {
        wanted.add_everything(plan, context);
    }
    let mistake = world.mistake;
    let dice = &mut world.dice;
    let n_cores = dice.between(1, 4) as u32;
    let options = Options {
        folder: "/work".into(),
        jobs: n_cores + u32::from(mistake == Some(Mistake::OneTooMany)),
        mem_mib: None,
        gpus: Vec::new(),
        timeout: None,
        latency_wait: dice
            .chance(20)
            .then(|| Duration::from_secs(dice.between(5, 8))),
        max_fail: dice.chance(40).then_some(1),
        retries: if dice.chance(20) { 1 } else { 0 },
        shuffle: dice.chance(30).then(|| dice.number()),
        cluster: None,
        tells_output: false,
    };
    world.fold.n_cores = n_cores;
    (wanted, options, Level(world.spec.level))
}

/// Whether no rule reads what this job makes.
fn is_leaf(world: &World, key: &BStr) -> bool {
    let Some(own) = rule_of(&key.to_string()) else {
        return false;
    };
    let mut rules = world.spec.rules.iter();
    !rules.any(|rule| {
        let reads = match rule.from {
            From::Sources => false,
            From::Rule(one) => one == own,
            From::Rules(one, other) => one == own || other == own,
        };
        reads || rule.with == With::Rule(own)
    })
}
