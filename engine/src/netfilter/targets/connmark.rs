//! `-j CONNMARK`: the mark of the packet's connection. Read `net/netfilter/xt_connmark.c` first.

use crate::netfilter::matches::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Sets the mark of a connection, or copies it to or from the packet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Connmark {
    what: Option<What>,
    nf_mask: Option<u32>,
    ct_mask: Option<u32>,
    shift: Option<Shift>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Set { value: u32, mask: u32 },
    Save,
    Restore,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shift {
    left: bool,
    bits: u32,
}

impl Shift {
    fn applied_to(self, n: u32) -> u32 {
        let shifted = if self.left { n.checked_shl(self.bits) } else { n.checked_shr(self.bits) };
        shifted.unwrap_or(0)
    }
}

impl Connmark {
    /// The new marks of packet and connection (`connmark_tg_shift`).
    pub(in crate::netfilter) fn applied_to(&self, packet: u32, ct: u32) -> (u32, u32) {
        let shifted = |n| self.shift.map_or(n, |shift| shift.applied_to(n));
        let nf_mask = self.nf_mask.unwrap_or(u32::MAX);
        let ct_mask = self.ct_mask.unwrap_or(u32::MAX);
        match self.what {
            None => (packet, ct),
            Some(What::Set { value, mask }) => (packet, shifted((ct & !mask) ^ value)),
            Some(What::Save) => (packet, (ct & !ct_mask) ^ shifted(packet & nf_mask)),
            Some(What::Restore) => ((packet & !nf_mask) ^ shifted(ct & ct_mask), ct),
        }
    }
}

impl Extension for Connmark {
    fn options(&self) -> &'static [&'static str] {
        &[
            "--set-xmark",
            "--save-mark",
            "--restore-mark",
            "--nfmask",
            "--ctmask",
            "--left-shift-mark",
            "--right-shift-mark",
            "--set-mark",
            "--and-mark",
            "--or-mark",
            "--xor-mark",
            "--mask",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        let what = match option {
            "--save-mark" => What::Save,
            "--restore-mark" => What::Restore,
            "--nfmask" | "--ctmask" | "--mask" => {
                let mask = Some(arg.number(u32::MAX)?);
                if option != "--ctmask" {
                    self.nf_mask = mask;
                }
                if option != "--nfmask" {
                    self.ct_mask = mask;
                }
                return Ok(());
            }
            "--left-shift-mark" | "--right-shift-mark" => {
                let bits = arg.number(32)?;
                if self.shift.is_some() {
                    return Err(arg.wrong("expected only one shift"));
                }
                self.shift = Some(Shift { left: option == "--left-shift-mark", bits })
                    .filter(|shift| shift.bits != 0);
                return Ok(());
            }
            _ => {
                let (value, mask) = super::mark::read(option, arg)?;
                What::Set { value, mask }
            }
        };
        if self.what.is_some() {
            return Err(arg.wrong("expected only one way to set, save or restore the mark"));
        }
        self.what = Some(what);
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        match self.what {
            None => Err("CONNMARK needs --set-xmark, --save-mark or --restore-mark"),
            Some(What::Set { .. }) if self.nf_mask.or(self.ct_mask).is_some() => {
                Err("--nfmask and --ctmask go with --save-mark and --restore-mark")
            }
            Some(_) => Ok(()),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        match self.what {
            None => {}
            Some(What::Set { value, mask }) => {
                out.word("--set-xmark");
                out.hex(value);
                out.glue("/");
                out.glue_hex(mask);
            }
            Some(it @ (What::Save | What::Restore)) => {
                out.word(if it == What::Save { "--save-mark" } else { "--restore-mark" });
                out.word("--nfmask");
                out.hex(self.nf_mask.unwrap_or(u32::MAX));
                out.word("--ctmask");
                out.hex(self.ct_mask.unwrap_or(u32::MAX));
            }
        }
        if let Some(shift) = self.shift {
            out.word(if shift.left { "--left-shift-mark" } else { "--right-shift-mark" });
            out.number(u64::from(shift.bits));
        }
    }
}
