//! `-j DNAT`, `SNAT`, `MASQUERADE`, `REDIRECT` and `NETMAP`: what a rule lets a translation choose from. Read
//! `net/netfilter/xt_nat.c`, `xt_MASQUERADE.c`, `xt_REDIRECT.c` and `xt_NETMAP.c` first. The choice is made by
//! [`netfilter::nat`](crate::netfilter::nat).

use crate::base::{Hook, Table};
use crate::netfilter::matches::Extension;
use crate::netfilter::nat::Range;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::{Head, Masked};
use crate::netfilter::words::{Arg, RuleError, low16, number};

/// A translation of addresses and ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nat {
    pub kind: NatKind,
    pub range: Range,
}

/// Which of the targets it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NatKind {
    Dnat,
    Snat,
    Masquerade,
    Redirect,
}

impl NatKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dnat => "DNAT",
            Self::Snat => "SNAT",
            Self::Masquerade => "MASQUERADE",
            Self::Redirect => "REDIRECT",
        }
    }

    /// The option that names addresses or ports.
    const fn to(self) -> &'static str {
        match self {
            Self::Dnat => "--to-destination",
            Self::Snat => "--to-source",
            Self::Masquerade | Self::Redirect => "--to-ports",
        }
    }
}

impl Nat {
    pub(super) fn new(kind: NatKind) -> Self {
        Self { kind, range: Range::default() }
    }
}

/// Where a translation works.
fn check_nat_place(
    table: Table,
    hooks: &[Hook],
    allowed: &[Hook],
    message: &'static str,
) -> Result<(), &'static str> {
    if table != Table::Nat {
        return Err("addresses are translated in the table nat only");
    }
    if hooks.iter().all(|hook| allowed.contains(hook)) { Ok(()) } else { Err(message) }
}

/// `80`, or `80-90`.
fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text| number(text).filter(|n| *n <= 0xffff).map(low16);
    port(first).zip(port(last)).filter(|(first, last)| first <= last)
}

/// `10.0.0.1`, `10.0.0.1-10.0.0.9`, `10.0.0.1:80-90/5080` or `:80`.
fn target(text: &str, range: &mut Range) -> Option<()> {
    let (addrs, rest) = match text.split_once(':') {
        Some((addrs, rest)) => (addrs, Some(rest)),
        None => (text, None),
    };
    if let Some(rest) = rest {
        let (range_of_ports, base) = match rest.split_once('/') {
            Some((range, base)) => (range, Some(base)),
            None => (rest, None),
        };
        range.ports = Some(ports(range_of_ports)?);
        if let Some(base) = base {
            range.base_port = Some(ports(base)?.0).filter(|port| *port != 0);
            range.base_port?;
        }
    }
    if !addrs.is_empty() {
        let (first, last) = addrs.split_once('-').unwrap_or((addrs, addrs));
        range.addrs = Some((first.parse().ok()?, last.parse().ok()?));
    }
    range.addrs.map(|_| ()).or(range.ports.map(|_| ()))
}

impl Extension for Nat {
    fn options(&self) -> &'static [&'static str] {
        match self.kind {
            NatKind::Dnat => &["--to-destination", "--random", "--persistent"],
            NatKind::Snat => &["--to-source", "--random", "--random-fully", "--persistent"],
            NatKind::Masquerade => &["--to-ports", "--random", "--random-fully"],
            NatKind::Redirect => &["--to-ports", "--random"],
        }
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        match option {
            "--random" => self.range.random = true,
            "--random-fully" => self.range.random_fully = true,
            "--persistent" => self.range.persistent = true,
            "--to-ports" => {
                let expected = "expected a port, or two such as 1024-65535";
                let word = arg.text(expected)?;
                self.range.ports = ports(&word.text);
                if self.range.ports.is_none() {
                    return Err(arg.wrong(expected));
                }
            }
            _ => {
                let expected = "expected an address, with a port such as 10.0.0.1:80 or without";
                let word = arg.text(expected)?;
                if target(&word.text, &mut self.range).is_none() {
                    return Err(arg.wrong(expected));
                }
            }
        }
        Ok(())
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        let Range { addrs, ports, .. } = self.range;
        match self.kind {
            NatKind::Dnat if addrs.is_none() && ports.is_none() => {
                return Err("DNAT needs --to-destination");
            }
            NatKind::Snat if addrs.is_none() && ports.is_none() => {
                return Err("SNAT needs --to-source");
            }
            NatKind::Dnat | NatKind::Snat | NatKind::Masquerade | NatKind::Redirect => {}
        }
        // iptables asks for a protocol that has ports or an ICMP id; it does not mind a `!`.
        if ports.is_some() && !matches!(head.protocol, 1 | 6 | 17 | 33 | 132) {
            return Err("a port needs -p tcp, udp, sctp, dccp or icmp");
        }
        Ok(())
    }

    fn check_place(&self, table: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        let (allowed, message): (&[Hook], _) = match self.kind {
            NatKind::Dnat | NatKind::Redirect => (
                &[Hook::PreRouting, Hook::LocalOut],
                "a destination is translated in PREROUTING and OUTPUT only",
            ),
            NatKind::Snat => (
                &[Hook::LocalIn, Hook::PostRouting],
                "a source is translated in INPUT and POSTROUTING only",
            ),
            NatKind::Masquerade => (&[Hook::PostRouting], "MASQUERADE works in POSTROUTING only"),
        };
        check_nat_place(table, hooks, allowed, message)
    }

    fn print(&self, out: &mut Printer<'_>) {
        let Range { addrs, ports, base_port, random, random_fully, persistent, netmap: _ } =
            self.range;
        if addrs.is_some() || ports.is_some() {
            out.word(self.kind.to());
            out.word("");
        }
        if let Some((first, last)) = addrs {
            out.glue_address(first);
            if first != last {
                out.glue("-");
                out.glue_address(last);
            }
        }
        if let Some((first, last)) = ports {
            if matches!(self.kind, NatKind::Dnat | NatKind::Snat) {
                out.glue(":");
            }
            out.glue_number(u64::from(first));
            if first != last {
                out.glue("-");
                out.glue_number(u64::from(last));
            }
            if let Some(base) = base_port {
                out.glue("/");
                out.glue_number(u64::from(base));
            }
        }
        for (option, set) in
            [("--random", random), ("--random-fully", random_fully), ("--persistent", persistent)]
        {
            if set {
                out.word(option);
            }
        }
    }
}

/// `-j NETMAP`: the network part of an address, and the host part as it was.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Netmap(Option<Masked>);

impl Netmap {
    /// First and last address of the other network.
    pub(in crate::netfilter) fn range(self) -> Range {
        let to = self.0.unwrap_or_default();
        let last = to.addr | !to.mask;
        Range { addrs: Some((to.addr.into(), last.into())), ..Range::default() }
    }
}

impl Extension for Netmap {
    fn options(&self) -> &'static [&'static str] {
        &["--to"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        let to = arg.network()?;
        if !to.is_prefix() {
            return Err(arg.wrong("expected a network such as 10.0.0.0/24"));
        }
        self.0 = Some(to);
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.0.is_some() { Ok(()) } else { Err("NETMAP needs --to") }
    }

    fn check_place(&self, table: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        check_nat_place(table, hooks, Table::Nat.hooks(), "NETMAP works in the table nat only")
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.word("--to");
        out.masked(self.0.unwrap_or_default());
    }
}
