//! The only place that names the crate `domain`: messages from and to bytes.

use domain::base::iana::{Class, Opcode, Rcode as WireRcode};
use domain::base::message::RecordSection;
use domain::base::rdata::{ComposeRecordData, ParseRecordData, RecordData};
use domain::base::wire::{Composer, ParseError};
use domain::base::{
    Message as Wire, MessageBuilder, ParsedName, Record as WireRecord, Rtype, Serial,
    StaticCompressor, ToName, Ttl,
};
use domain::dep::octseq::{OctetsBuilder, Parser, Truncate};
use domain::rdata;

use super::{
    Data, Flags, LEN, Message, Name, Placed, Question, Rcode, Record, Soa, Type, UDP_BYTES,
};
use crate::wire::Malformed;

const UNREADABLE: Malformed = Malformed::Field("DNS record");

impl From<ParseError> for Malformed {
    fn from(_: ParseError) -> Self {
        UNREADABLE
    }
}

impl Message {
    /// Reads a message. Any bytes behind it are ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::parse_placed(bytes).map(|(message, _)| message)
    }

    /// Reads a message, and says where each question and record of it stands, in their order.
    pub fn parse_placed(bytes: &[u8]) -> Result<(Self, Vec<Placed>), Malformed> {
        let short = Malformed::Truncated { need: LEN, have: bytes.len() };
        let wire = Wire::from_slice(bytes).map_err(|_| short)?;
        let header = wire.header();
        if header.opcode() != Opcode::QUERY {
            return Err(Malformed::Field("DNS opcode"));
        }
        let mut message = Self {
            id: header.id(),
            flags: Flags {
                response: header.qr(),
                authoritative: header.aa(),
                truncated: header.tc(),
                recursion_desired: header.rd(),
                recursion_available: header.ra(),
            },
            rcode: Rcode::from_u8(header.rcode().to_int()),
            ..Self::default()
        };
        let mut places = Vec::new();
        let mut questions = wire.question();
        while let Some(question) = questions.next() {
            let question = question?;
            if question.qclass() != Class::IN {
                return Err(Malformed::Field("DNS class"));
            }
            let kind = Type::from_u16(question.qtype().to_int());
            message.questions.push(Question { name: Name::from_wire(question.qname()), kind });
            places.push(Placed { end: questions.pos(), is_opt: false });
        }
        let mut section = questions.answer()?;
        message.answers = records(&mut section, &mut None, &mut places)?;
        let Some(mut section) = section.next_section()? else { return Err(UNREADABLE) };
        message.authority = records(&mut section, &mut None, &mut places)?;
        let Some(mut section) = section.next_section()? else { return Err(UNREADABLE) };
        message.additional = records(&mut section, &mut message.edns, &mut places)?;
        Ok((message, places))
    }

    /// Writes the message in at most so many bytes, 512 at least: with names compressed if it does not fit without; if not
    /// even so, without the records that have no room, and says that it is truncated. As CoreDNS does (`Msg.Truncate`).
    pub fn emit(&self, most: u16) -> Vec<u8> {
        let most = usize::from(most.max(UDP_BYTES));
        let (plain, whole) = self.write(false, usize::from(u16::MAX));
        if whole && plain.len() <= most {
            return plain;
        }
        self.write(true, most).0
    }

    /// And whether all records are in it.
    fn write(&self, compress: bool, most: usize) -> (Vec<u8>, bool) {
        let target = Target { names: StaticCompressor::new(Vec::new()), compress };
        let Ok(mut builder) = MessageBuilder::from_target(target); // A vector has room for a header.
        let header = builder.header_mut();
        header.set_id(self.id);
        header.set_qr(self.flags.response);
        header.set_aa(self.flags.authoritative);
        header.set_tc(self.flags.truncated);
        header.set_rd(self.flags.recursion_desired);
        header.set_ra(self.flags.recursion_available);
        header.set_rcode(WireRcode::masked_from_int(self.rcode.to_u8()));
        let opt_bytes = if self.edns.is_some() { 11 } else { 0 };
        builder.set_push_limit(most + 1 - opt_bytes);
        let mut questions = builder.question();
        let mut whole = true;
        for question in &self.questions {
            let kind = Rtype::from_int(question.kind.to_u16());
            whole &= questions.push((question.name.to_wire(), kind)).is_ok();
        }
        let mut answers = questions.answer();
        whole &= self.answers.iter().all(|it| answers.push(wire_record(it)).is_ok());
        let mut authority = answers.authority();
        whole = whole && self.authority.iter().all(|it| authority.push(wire_record(it)).is_ok());
        let mut additional = authority.additional();
        whole = whole && self.additional.iter().all(|it| additional.push(wire_record(it)).is_ok());
        additional.clear_push_limit();
        if let Some(size) = self.edns {
            whole &= additional
                .opt(|opt| {
                    opt.set_udp_payload_size(size);
                    Ok(())
                })
                .is_ok();
        }
        if !whole {
            additional.header_mut().set_tc(true);
        }
        (additional.finish().names.into_target(), whole)
    }
}

fn wire_record(record: &Record) -> WireRecord<super::name::Wire, &Data> {
    let ttl = Ttl::from_secs(record.ttl_s);
    WireRecord::new(record.name.to_wire(), Class::IN, ttl, &record.data)
}

/// The records of one section. `edns` takes the size that an OPT record says.
fn records(
    section: &mut RecordSection<'_, [u8]>,
    edns: &mut Option<u16>,
    places: &mut Vec<Placed>,
) -> Result<Vec<Record>, Malformed> {
    let mut all = Vec::new();
    while let Some(record) = section.next() {
        let record = record?;
        places.push(Placed { end: section.pos(), is_opt: record.rtype() == Rtype::OPT });
        if record.rtype() == Rtype::OPT {
            *edns = Some(record.class().to_int());
            continue;
        }
        if record.class() != Class::IN {
            return Err(Malformed::Field("DNS class"));
        }
        let Some(parsed) = record.to_record::<Data>()? else { return Err(UNREADABLE) };
        let (name, ttl_s) = (Name::from_wire(parsed.owner()), parsed.ttl().as_secs());
        all.push(Record { name, ttl_s, data: parsed.into_data() });
    }
    Ok(all)
}

impl RecordData for Data {
    fn rtype(&self) -> Rtype {
        Rtype::from_int(self.kind().to_u16())
    }
}

impl<'a> ParseRecordData<'a, [u8]> for Data {
    fn parse_rdata(
        rtype: Rtype,
        parser: &mut Parser<'a, [u8]>,
    ) -> Result<Option<Self>, ParseError> {
        let name = |parser: &mut _| ParsedName::parse(parser).map(|it| Name::from_wire(&it));
        Ok(Some(match Type::from_u16(rtype.to_int()) {
            Type::A => Self::A(rdata::A::parse(parser)?.addr()),
            Type::Aaaa => Self::Aaaa(rdata::Aaaa::parse(parser)?.addr()),
            Type::Ns => Self::Ns(name(parser)?),
            Type::Cname => Self::Cname(name(parser)?),
            Type::Ptr => Self::Ptr(name(parser)?),
            Type::Srv => {
                let srv = rdata::Srv::parse(parser)?;
                Self::Srv {
                    priority: srv.priority(),
                    weight: srv.weight(),
                    port: srv.port(),
                    target: Name::from_wire(srv.target()),
                }
            }
            Type::Soa => {
                let soa = rdata::Soa::parse(parser)?;
                Self::Soa(Box::new(Soa {
                    server: Name::from_wire(soa.mname()),
                    mailbox: Name::from_wire(soa.rname()),
                    serial: soa.serial().into_int(),
                    refresh_s: soa.refresh().as_secs(),
                    retry_s: soa.retry().as_secs(),
                    expire_s: soa.expire().as_secs(),
                    minimum_s: soa.minimum().as_secs(),
                }))
            }
            kind @ (Type::Txt | Type::Unknown(_)) => {
                let bytes = parser.parse_octets(parser.remaining())?;
                match (kind, bytes.split_first()) {
                    (Type::Txt, Some((&len, text))) if usize::from(len) == text.len() => {
                        match std::str::from_utf8(text) {
                            Ok(text) => Self::Txt(text.into()),
                            Err(_) => Self::Unknown { kind: kind.to_u16(), bytes: bytes.into() },
                        }
                    }
                    _ => Self::Unknown { kind: kind.to_u16(), bytes: bytes.into() },
                }
            }
        }))
    }
}

impl ComposeRecordData for Data {
    fn rdlen(&self, _: bool) -> Option<u16> {
        None // Measured as it is written.
    }

    fn compose_rdata<T: Composer + ?Sized>(&self, target: &mut T) -> Result<(), T::AppendError> {
        match self {
            Self::A(addr) => target.append_slice(&addr.octets()),
            Self::Aaaa(addr) => target.append_slice(&addr.octets()),
            Self::Ns(name) | Self::Cname(name) | Self::Ptr(name) => {
                target.append_compressed_name(&name.to_wire())
            }
            Self::Srv { priority, weight, port, target: host } => {
                for number in [priority, weight, port] {
                    target.append_slice(&number.to_be_bytes())?;
                }
                host.to_wire().compose(target) // RFC 2782: not compressed
            }
            Self::Txt(text) => {
                let bytes = &text.as_bytes()[..text.len().min(255)];
                target.append_slice(&bytes.len().to_be_bytes()[size_of::<usize>() - 1..])?;
                target.append_slice(bytes)
            }
            Self::Soa(soa) => {
                target.append_compressed_name(&soa.server.to_wire())?;
                target.append_compressed_name(&soa.mailbox.to_wire())?;
                target.append_slice(&Serial(soa.serial).into_int().to_be_bytes())?;
                let spans = [soa.refresh_s, soa.retry_s, soa.expire_s, soa.minimum_s];
                spans.iter().try_for_each(|it| target.append_slice(&it.to_be_bytes()))
            }
            Self::Unknown { bytes, .. } => target.append_slice(bytes),
        }
    }

    fn compose_canonical_rdata<T: Composer + ?Sized>(
        &self,
        target: &mut T,
    ) -> Result<(), T::AppendError> {
        self.compose_rdata(target) // Only signatures need that form.
    }
}

/// Bytes to write to, with names compressed or not: one type, so that the crate's code is there once.
struct Target {
    names: StaticCompressor<Vec<u8>>,
    compress: bool,
}

impl OctetsBuilder for Target {
    type AppendError = <Vec<u8> as OctetsBuilder>::AppendError;

    fn append_slice(&mut self, slice: &[u8]) -> Result<(), Self::AppendError> {
        self.names.append_slice(slice)
    }
}

impl Truncate for Target {
    fn truncate(&mut self, len: usize) {
        self.names.truncate(len);
    }
}

impl AsRef<[u8]> for Target {
    fn as_ref(&self) -> &[u8] {
        self.names.as_slice()
    }
}

impl AsMut<[u8]> for Target {
    fn as_mut(&mut self) -> &mut [u8] {
        self.names.as_slice_mut()
    }
}

impl Composer for Target {
    fn append_compressed_name<N: ToName + ?Sized>(
        &mut self,
        name: &N,
    ) -> Result<(), Self::AppendError> {
        if self.compress { self.names.append_compressed_name(name) } else { name.compose(self) }
    }

    fn can_compress(&self) -> bool {
        self.compress
    }
}
