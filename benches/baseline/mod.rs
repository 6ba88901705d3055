//! The ratios that flow had to its peers when somebody last looked, and whether it has got worse.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// A ratio that is worse by more than this counts: a quarter.
const TOO_MUCH: f64 = 1.25;

/// By measurement and peer: the processor time of flow in that of the peer.
#[derive(Default)]
pub struct Baseline {
    ratios: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Baseline {
    pub fn read(path: &Path) -> io::Result<Baseline> {
        Ok(Baseline {
            ratios: serde_json::from_slice(&fs::read(path)?)?,
        })
    }

    pub fn set(&mut self, measurement: &str, peer: &str, ratio: f64) {
        let peers = self.ratios.entry(measurement.into()).or_default();
        peers.insert(peer.into(), (ratio * 100.0).round() / 100.0);
    }

    /// How much worse than before, where that is too much.
    pub fn worse(&self, measurement: &str, peer: &str, ratio: f64) -> Option<f64> {
        let before = self.ratios.get(measurement)?.get(peer)?;
        let factor = ratio / before;
        (factor > TOO_MUCH).then_some(factor)
    }

    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(&self.ratios)? + "\n")
    }
}
