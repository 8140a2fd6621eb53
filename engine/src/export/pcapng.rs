//! A trace as a capture file, one interface for each device of the world, each packet with a comment that says why it
//! is there. Read draft-ietf-opsawg-pcapng first.
//!
//! Times are virtual: they begin with the lab, at the epoch.

use crate::base::Id;
use crate::story::{Because, Story};
use crate::trace::{Direction, Event, Recorder};
use crate::wire::eth;
use crate::world::World;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LINKTYPE_ETHERNET: u16 = 1;

const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_MACADDR: u16 = 6;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
/// Of `if_tsresol`: times are in 10^-9 s.
const NANOSECONDS: u8 = 9;

/// A block being written.
struct Block(Vec<u8>);

impl Block {
    fn new(kind: u32) -> Self {
        // Type and total length; the length is filled in at the end.
        Self([kind.to_le_bytes(), [0; 4]].concat())
    }

    fn u16(&mut self, it: u16) {
        self.0.extend(it.to_le_bytes());
    }

    fn u32(&mut self, it: u32) {
        self.0.extend(it.to_le_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// An option; one longer than its length field can say is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(code);
        self.u16(len);
        self.padded(&value[..usize::from(len)]);
    }

    fn end_into(mut self, out: &mut Vec<u8>) {
        self.u32(0); // opt_endofopt
        let len = u32::try_from(self.0.len() + 4).expect("a frame and its comment are short");
        self.u32(len);
        self.0[4..8].copy_from_slice(&len.to_le_bytes());
        out.extend(self.0);
    }
}

/// The capture of `trace`, a run in `world`, which `story` tells.
pub fn pcapng(world: &World, trace: &Recorder, story: &Story) -> Vec<u8> {
    let mut out = Vec::new();
    let mut section = Block::new(SECTION_HEADER);
    section.u32(BYTE_ORDER_MAGIC);
    section.u16(1); // version 1.0
    section.u16(0);
    section.padded(&[0xff; 8]); // the section's length is not given
    section.option(SHB_USERAPPL, concat!("everyhop ", env!("CARGO_PKG_VERSION")).as_bytes());
    section.end_into(&mut out);
    for (dev, device) in world.devices.iter() {
        let mut interface = Block::new(INTERFACE_DESCRIPTION);
        interface.u16(LINKTYPE_ETHERNET);
        interface.u16(0); // reserved
        interface.u32(0); // frames are whole
        interface.option(IF_NAME, world.device_name(dev).as_bytes());
        interface.option(IF_MACADDR, &device.mac.0);
        interface.option(IF_TSRESOL, &[NANOSECONDS]);
        interface.end_into(&mut out);
    }
    let comments = comments(trace, story);
    for (entry, comment) in trace.entries.iter().zip(comments) {
        let Event::Tap { dev, dir, frame } = entry.event else { continue };
        let bytes = trace.bytes(frame);
        let len = u32::try_from(bytes.len()).expect("a frame is short");
        let mut packet = Block::new(ENHANCED_PACKET);
        packet.u32(u32::try_from(dev.index()).expect("devices are numbered by u32"));
        packet.u32(u32::try_from(entry.at.0 >> 32).expect("the upper half"));
        packet.u32(u32::try_from(entry.at.0 & u64::from(u32::MAX)).expect("the lower half"));
        packet.u32(len);
        packet.u32(len);
        packet.padded(bytes);
        if !comment.is_empty() {
            packet.option(OPT_COMMENT, comment.as_bytes());
        }
        packet.option(EPB_FLAGS, &flags(dir, bytes).to_le_bytes());
        packet.end_into(&mut out);
    }
    out
}

/// Direction in bits 0 and 1; unicast, multicast or broadcast in bits 2 to 4.
fn flags(dir: Direction, frame: &[u8]) -> u32 {
    let direction = match dir {
        Direction::In => 1,
        Direction::Out => 2,
    };
    let dst = eth::dst(frame);
    let reception = if dst == crate::base::Mac::BROADCAST {
        3
    } else if dst.is_multicast() {
        2
    } else {
        1
    };
    direction | reception << 2
}

/// For each entry that is a frame on a device, the step it belongs to and the reasons that led there. The reasons of a
/// step at which no device shows a frame are told with the leg's next frame, those after a step's last frame with it.
fn comments(trace: &Recorder, story: &Story) -> Vec<String> {
    let mut out = vec![String::new(); trace.entries.len()];
    let mut waiting = vec![String::new(); story.legs.len()];
    for (index, step) in story.steps.iter().enumerate() {
        let taps: Vec<usize> = step
            .events
            .iter()
            .copied()
            .filter(|&it| matches!(trace.entries[it].event, Event::Tap { .. }))
            .collect();
        let title = format!("{}. {}", index + 1, step.title);
        let Some(last) = taps.last() else {
            add_line(&mut waiting[step.leg], &title);
            for it in &step.because {
                add_line(&mut waiting[step.leg], &reason(it));
            }
            continue;
        };
        for (nth, tap) in taps.iter().enumerate() {
            if nth == 0 {
                out[*tap] = std::mem::take(&mut waiting[step.leg]);
            }
            add_line(&mut out[*tap], &title);
        }
        for it in &step.because {
            let tap = taps.iter().find(|&&tap| tap > it.event).unwrap_or(last);
            add_line(&mut out[*tap], &reason(it));
        }
    }
    out
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

fn reason(it: &Because) -> String {
    match &it.origin {
        Some(origin) => format!("{} ({}; because of {origin})", it.text, it.kernel),
        None => format!("{} ({})", it.text, it.kernel),
    }
}
