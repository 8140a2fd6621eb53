//! Programs that the operating system's packages bring: installed on Debian when root, else named in one line to run.

use std::path::Path;

use crate::process::{self, Result, failed, timed};

/// A program, by any of the names it goes by, and the Debian package that brings it.
pub(crate) struct Program {
    names: &'static [&'static str],
    package: &'static str,
}

const fn program(names: &'static [&'static str], package: &'static str) -> Program {
    Program { names, package }
}

/// What tests in a browser need.
pub(crate) const BROWSER: &[Program] = &[
    program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"], "chromium"),
    program(&["chromedriver"], "chromium-driver"),
];

/// What tests in a second browser need, besides its driver.
pub(crate) const FIREFOX: &[Program] = &[program(&["firefox", "firefox-esr"], "firefox-esr")];

/// What building a lab in the kernel and watching it needs.
pub(crate) const KERNEL: &[Program] = &[
    program(&["ip"], "iproute2"),
    program(&["iptables"], "iptables"),
    program(&["nft"], "nftables"),
    program(&["conntrack"], "conntrack"),
    program(&["ipset"], "ipset"),
    program(&["ethtool"], "ethtool"),
    program(&["tcpdump"], "tcpdump"),
    program(&["ping"], "iputils-ping"),
    program(&["sysctl"], "procps"),
    program(&["python3"], "python3"), // the programs of exported clusters
];

/// What reads exported captures.
pub(crate) const CAPTURES: &[Program] = &[program(&["tshark"], "tshark")];

/// What brings wasm-opt.
pub(crate) const NPM: &[Program] = &[program(&["node"], "nodejs"), program(&["npm"], "npm")];

/// Installs what is missing where it may. False when something is still missing; then it has said what to run.
pub(crate) fn provide(purpose: &str, programs: &[Program]) -> Result<bool> {
    let packages = missing_packages(programs);
    if packages.is_empty() {
        return Ok(true);
    }
    let list = packages.join(" ");
    if may_install() {
        let what = format!("Installing {list} with apt-get, for {purpose}");
        timed(&what, "under 2 minutes", || install(&packages))?;
        return match missing_packages(programs).as_slice() {
            [] => Ok(true),
            still => {
                failed(format!("apt-get ended well, but {} is still missing", still.join(" ")))
            }
        };
    }
    println!(
        "!!! Missing for {purpose}: {list}. Install once (names as on Debian), then run this again:"
    );
    println!("    sudo apt-get update && sudo apt-get install -y --no-install-recommends {list}");
    Ok(false)
}

fn missing_packages(programs: &[Program]) -> Vec<&'static str> {
    let missing =
        |program: &&Program| !program.names.iter().any(|name| process::find(name).is_some());
    programs.iter().filter(missing).map(|program| program.package).collect()
}

pub(crate) fn is_root() -> bool {
    process::output("id", &["-u"]).is_some_and(|id| id.trim() == "0")
}

fn may_install() -> bool {
    is_root() && Path::new("/etc/debian_version").exists() && process::find("apt-get").is_some()
}

fn install(packages: &[&str]) -> Result {
    process::run_program("apt-get", &["update", "--quiet"])?;
    let mut command = process::command("apt-get", &["install", "--quiet", "--yes"])?;
    // A question about a configuration file would wait for ever.
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("--no-install-recommends").args(packages);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_of_several_is_enough() {
        let shell = [program(&["no-program-has-this-name", "sh"], "dash")];
        assert!(missing_packages(&shell).is_empty());
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let programs =
            [program(&["no-program-has-this-name"], "its-package"), program(&["sh"], "dash")];
        assert_eq!(missing_packages(&programs), ["its-package"]);
    }
}
