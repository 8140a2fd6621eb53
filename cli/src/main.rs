//! `everyhop`: traces, replays and checks labs from the command line. Results go to standard output, everything else to
//! standard error; the exit code is 0 for done, 1 for "no", 2 for bad input or usage.
//!
//! Knows arguments, files and how a result is printed; everything it prints comes from the engine.

mod check;
mod embed;
mod export;
mod figure;
mod flow;
mod input;
mod junit;
mod lab;
mod pages;
mod reach;
mod replay;
mod rules;
mod told;
mod trace;

use std::ffi::OsString;
use std::process::ExitCode;

use lexopt::prelude::*;

const USAGE: &str = "\
everyhop shows every hop a packet takes through Kubernetes.

  everyhop trace LAB.yaml --from pod/NAME --to pod/NAME[:PORT] [--proto icmp|udp|tcp] [--json]
      run one exchange in the cluster described and print each step with its reasons; LAB.yaml may be - for standard
      input; without --from and --to the lab's own actions run; --variant NAME runs a variant of the lab

  everyhop replay --snapshot DIR --stimuli FILE [--sockets FILE]
      load Linux state as the standard tools print it (a directory or a .tar), play the stimuli, and print what every
      device saw as JSON lines

  everyhop rules LAB.yaml --node NAME [--mode iptables]
      the rules that node has, as iptables-save prints them

  everyhop flow LAB.yaml --node NAME --src IP --dst IP --dport N [--proto tcp|udp|sctp] [--json]
      what that node does with the first packet of such a connection, over every random choice of its rules

  everyhop export LAB.yaml --as build.sh|pcapng|svg|mermaid|text [--step N [--hops]] [--variant NAME] [-o FILE]
      build.sh: the lab's world as a shell script that builds it for real on a Linux machine; of the lab's actions,
      pcapng: what every device saw, as a capture; svg: a picture of step N, or of all that the lesson stops at, moving;
      mermaid: a sequence diagram; text: the whole lesson to read, in Markdown; to standard output or FILE

  everyhop reach LAB.yaml [--ports 80/TCP,81/UDP] [--json]
      say for every pod and every other whether the lab's NetworkPolicies let it through, and why; without --ports for
      the ports that the destination declares

  everyhop check [--junit FILE] FILE...
      load and run every lab, also those in Markdown and HTML (fenced blocks marked everyhop, <every-hop> elements), and
      check what they claim; --junit writes the results for a build server, too

  everyhop embed PAGE.md -o FILE
      the page with a figure for each lab in it: a picture, the lesson in words, and the <every-hop> element around them

  everyhop mdbook [supports RENDERER]
      the same for all chapters of a book, as a preprocessor of mdBook

Names of pods may be NAMESPACE/NAME. Exit code: 0 done, 1 the answer is no, 2 bad input or usage.
";

/// The commands that there are, for the message about an unknown one.
const COMMANDS: &str = "trace, replay, rules, flow, reach, export, check, embed and mdbook";

/// Why a command ends without a result; the message goes to standard error, and the exit code is 2.
#[derive(Debug)]
struct Failure(String);

impl From<lexopt::Error> for Failure {
    fn from(e: lexopt::Error) -> Self {
        Self(format!("{e}; everyhop --help shows how"))
    }
}

/// What a command that ran has to say.
enum Answer {
    Done,
    No,
}

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(Failure(message)) => {
            eprintln!("everyhop: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Vec<OsString>) -> Result<Answer, Failure> {
    let mut args = lexopt::Parser::from_args(args);
    match args.next()? {
        None => Err(Failure(format!(
            "a command is missing; there are {COMMANDS}; everyhop --help shows how"
        ))),
        Some(Short('h') | Long("help")) => {
            print(USAGE)?;
            Ok(Answer::Done)
        }
        Some(Short('V') | Long("version")) => {
            print(concat!("everyhop ", env!("CARGO_PKG_VERSION"), "\n"))?;
            Ok(Answer::Done)
        }
        Some(Value(command)) => match command.to_str() {
            Some("trace") => trace::run(&mut args),
            Some("replay") => replay::run(&mut args),
            Some("rules") => rules::run(&mut args),
            Some("flow") => flow::run(&mut args),
            Some("export") => export::run(&mut args),
            Some("embed") => embed::run(&mut args),
            Some("mdbook") => embed::preprocess(&mut args),
            Some("reach") => reach::run(&mut args),
            Some("check") => check::run(&mut args),
            _ => {
                let command = command.to_string_lossy();
                Err(Failure(format!("there is no command {command:?}; there are {COMMANDS}")))
            }
        },
        Some(other) => Err(other.unexpected().into()),
    }
}

/// Writes a result. A reader that has seen enough and closed its end is no failure.
fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// [`print`] for what is no text.
fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}
