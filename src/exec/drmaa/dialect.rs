//! What jobs need, in each scheduler's own options. The table is data: a site may say it otherwise.

use serde::Deserialize;

use super::Request;

/// How a scheduler is asked for things. A need that a dialect has no words for is not asked for.
///
/// In the words: `{cores}`, `{mem}` (MiB), `{mem_core}` (MiB for each core, rounded up), `{mem_kb}`,
/// `{gpus}`, `{time}` (seconds), `{minutes}` (rounded up), `{hms}`, `{queue}`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// For more than one core.
    pub cores: Option<String>,
    pub mem: Option<String>,
    pub gpus: Option<String>,
    pub time: Option<String>,
    pub queue: Option<String>,
    /// For every job.
    pub always: Option<String>,
}

/// Schedulers by what `drmaa_get_DRM_system` says, in small letters; the first that fits counts.
const SYSTEMS: [(&str, [&str; 6]); 8] = [
    ("slurm", SLURM),
    ("pbs pro", PBS_PRO),
    ("openpbs", PBS_PRO),
    ("pbs", TORQUE),
    ("torque", TORQUE),
    ("lsf", LSF),
    ("grid engine", GRID_ENGINE),
    ("ge", GRID_ENGINE),
];

/// Cores, memory, gpus, time, queue, always.
const GRID_ENGINE: [&str; 6] = [
    "-pe smp {cores}",
    "-l h_vmem={mem_core}M",
    "-l gpu={gpus}",
    "-l h_rt={time}",
    "-q {queue}",
    // The job would be run again where nobody looks for it.
    "-r n",
];
const SLURM: [&str; 6] = [
    "--cpus-per-task={cores}",
    "--mem={mem}",
    "--gres=gpu:{gpus}",
    "--time={hms}",
    "--partition={queue}",
    "",
];
const TORQUE: [&str; 6] = [
    "-l nodes=1:ppn={cores}",
    "-l mem={mem}mb",
    "-l gpus={gpus}",
    "-l walltime={hms}",
    "-q {queue}",
    "",
];
const PBS_PRO: [&str; 6] = [
    "-l ncpus={cores}",
    "-l mem={mem}mb",
    "-l ngpus={gpus}",
    "-l walltime={hms}",
    "-q {queue}",
    "-r n",
];
const LSF: [&str; 6] = [
    "-n {cores} -R span[hosts=1]",
    "-M {mem_kb}",
    "-gpu num={gpus}",
    "-W {minutes}",
    "-q {queue}",
    "",
];

impl Dialect {
    /// The dialect of a scheduler that calls itself so; `None` for one that is not known.
    pub fn of(system: &str) -> Option<Dialect> {
        let system = system.to_lowercase();
        let found = SYSTEMS.iter().find(|(name, _)| system.contains(name));
        let words = |text: &str| (!text.is_empty()).then(|| text.to_string());
        found.map(|(_, [cores, mem, gpus, time, queue, always])| Dialect {
            cores: words(cores),
            mem: words(mem),
            gpus: words(gpus),
            time: words(time),
            queue: words(queue),
            always: words(always),
        })
    }

    /// This one, where it says something, over `other`.
    pub fn over(self, other: Dialect) -> Dialect {
        Dialect {
            cores: self.cores.or(other.cores),
            mem: self.mem.or(other.mem),
            gpus: self.gpus.or(other.gpus),
            time: self.time.or(other.time),
            queue: self.queue.or(other.queue),
            always: self.always.or(other.always),
        }
    }

    /// The native options for a request: what the site always wants, what the job needs, and last what
    /// the workflow says itself, which is strongest.
    pub fn options(&self, request: &Request) -> String {
        let Request {
            cores,
            mem_mib,
            gpus,
            time_s,
            queue,
            native,
        } = request;
        let wanted = [
            (&self.always, true),
            (&self.queue, queue.is_some()),
            (&self.cores, *cores > 1),
            (&self.mem, mem_mib.is_some()),
            (&self.gpus, *gpus > 0),
            (&self.time, time_s.is_some()),
        ];
        let words = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted);
        let words = words.filter_map(|(words, _)| words.as_deref());
        let words: Vec<String> = words.map(|words| fill(words, request)).collect();
        let native = native.as_deref().unwrap_or_default();
        [&words.join(" "), native].join(" ").trim().to_string()
    }
}

fn fill(words: &str, request: &Request) -> String {
    let (cores, mem) = (
        u64::from(request.cores.max(1)),
        request.mem_mib.unwrap_or(0),
    );
    let time = request.time_s.unwrap_or(0);
    let hms = format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60);
    let values = [
        ("{cores}", cores.to_string()),
        ("{mem}", mem.to_string()),
        ("{mem_core}", mem.div_ceil(cores).to_string()),
        ("{mem_kb}", mem.saturating_mul(1024).to_string()),
        ("{gpus}", request.gpus.to_string()),
        ("{time}", time.to_string()),
        ("{minutes}", time.div_ceil(60).to_string()),
        ("{hms}", hms),
        ("{queue}", request.queue.clone().unwrap_or_default()),
    ];
    let mut filled = String::new();
    let mut rest = words;
    // In one pass: what is filled in is not filled again.
    while let Some(at) = rest.find('{') {
        filled += &rest[..at];
        rest = &rest[at..];
        let value = values.iter().find(|(name, _)| rest.starts_with(name));
        let (taken, value) = value.map_or((1, "{"), |(name, value)| (name.len(), value));
        filled += value;
        rest = &rest[taken..];
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            cores: 3,
            mem_mib: Some(4000),
            gpus: 1,
            time_s: Some(5400 + 1),
            queue: Some("long.q".into()),
            native: Some("-P lab".into()),
        }
    }

    #[test]
    fn each_scheduler_is_asked_in_its_own_words() {
        let said = |system: &str| Dialect::of(system).unwrap().options(&request());
        assert_eq!(
            said("SGE 8.1.9"),
            "-r n -q long.q -pe smp 3 -l h_vmem=1334M -l gpu=1 -l h_rt=5401 -P lab"
        );
        assert_eq!(
            said("SLURM 22.05.8"),
            "--partition=long.q --cpus-per-task=3 --mem=4000 --gres=gpu:1 --time=01:30:01 -P lab"
        );
        assert_eq!(
            said("Torque 6"),
            "-q long.q -l nodes=1:ppn=3 -l mem=4000mb -l gpus=1 -l walltime=01:30:01 -P lab"
        );
        assert_eq!(
            said("PBS Professional 20"),
            "-r n -q long.q -l ncpus=3 -l mem=4000mb -l ngpus=1 -l walltime=01:30:01 -P lab"
        );
        assert_eq!(
            said("IBM Spectrum LSF 10"),
            "-q long.q -n 3 -R span[hosts=1] -M 4096000 -gpu num=1 -W 91 -P lab"
        );
        assert_eq!(Dialect::of("Univa Grid Engine 8"), Dialect::of("SGE 6"));
        assert_eq!(Dialect::of("HTCondor"), None);
    }

    #[test]
    fn what_is_not_needed_is_not_asked_for() {
        let request = Request {
            cores: 1,
            ..Request::default()
        };
        assert_eq!(Dialect::of("SLURM").unwrap().options(&request), "");
        assert_eq!(Dialect::of("SGE").unwrap().options(&request), "-r n");
    }

    #[test]
    fn a_site_says_it_otherwise() {
        let site: Dialect =
            toml::from_str("cores = '-pe threaded {cores}'\nmem = '{x} {mem'\n").unwrap();
        let dialect = site.over(Dialect::of("SGE").unwrap());
        let said = dialect.options(&request());
        assert!(said.contains("-pe threaded 3 {x} {mem -l gpu=1"), "{said}");
        assert!(toml::from_str::<Dialect>("core = ''").is_err());
    }
}
