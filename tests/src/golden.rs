//! Whole traces as text, checked in: the same lab gives the same bytes natively and in wasm.

use everyhop_engine::lesson::Lab;
use everyhop_engine::story::trace_text;

/// A lab of the page and the trace it must give.
pub struct Golden {
    pub name: &'static str,
    lab: &'static str,
    pub trace: &'static str,
}

macro_rules! golden {
    ($name:literal) => {
        Golden {
            name: $name,
            lab: include_str!(concat!("../../public/labs/", $name, ".yaml")),
            trace: include_str!(concat!("../golden/", $name, ".trace")),
        }
    };
}

/// All of them.
pub const ALL: [Golden; 2] = [golden!("pod-to-pod"), golden!("node-to-node")];

impl Golden {
    /// The trace that this build of the engine gives.
    ///
    /// # Panics
    /// If the lab does not load.
    pub fn run(&self) -> String {
        let loaded = Lab::load(self.lab).expect("the labs of the page load");
        let run = loaded.lab.run();
        trace_text(&run.end, &run.trace)
    }
}
