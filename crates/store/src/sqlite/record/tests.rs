//! Records survive being written and read, and damage is found.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use policy::NextHop;
use policy::revise::{Cancellation, Hold, Orders, RouteOrder};

fn any_address() -> impl Strategy<Value = Address> {
    let local = "[a-zA-Z0-9 .\"\\\\@+é=-]{1,20}".prop_map(|plain| {
        let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
        LocalPart::parse(&format!("\"{quoted}\"")).unwrap()
    });
    let domain = prop_oneof![
        "[a-z][a-z0-9]{0,9}(\\.[a-z][a-z0-9]{0,9}){0,2}".prop_map(|name| Domain::parse(&name).unwrap()),
        any::<IpAddr>().prop_map(Domain::from),
    ];
    (local, domain).prop_map(|(local_part, domain)| Address { local_part, domain })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::NEVER.as_millis()).prop_map(Timestamp::from_millis)
}

fn any_status() -> impl Strategy<Value = EnhancedStatus> {
    any::<(u8, u16, u16)>().prop_map(|(class, subject, detail)| EnhancedStatus::new(class, subject, detail))
}

fn any_reply() -> impl Strategy<Value = Reply> {
    (any::<u16>(), option::of(any_status()), any::<String>()).prop_map(|(code, enhanced, text)| Reply {
        code,
        enhanced,
        text,
    })
}

fn any_trouble() -> impl Strategy<Value = Trouble> {
    let reply = option::of((any::<String>(), any_reply()));
    (select(&SCOPES[..]), select(&KINDS[..]), any_status(), any::<(String, String, bool)>(), reply).prop_map(
        |(scope, kind, status, (text, host, in_doubt), reply)| Trouble {
            scope,
            kind,
            status,
            text,
            host,
            reply,
            in_doubt,
        },
    )
}

fn any_progress() -> impl Strategy<Value = Progress> {
    let expiry = prop_oneof![any_time().prop_map(Expiry::At), any::<u32>().prop_map(Expiry::Attempts)];
    let times = (any_time(), option::of(any_time()), option::of(any_time()));
    let ordered = (option::of(any_next_hop()), option::of(any_orders().prop_map(Box::new)));
    (any::<(u32, u32, String, bool)>(), times, expiry, option::of(any_trouble()), ordered).prop_map(
        |(counts, (due, notify_due, envelope_expiry), expiry, last, (last_hop, orders))| {
            let (retry_num, notify_num, virtual_queue, envelope_notice) = counts;
            Progress {
                retry_num,
                due,
                notify_num,
                notify_due,
                expiry,
                virtual_queue,
                last,
                envelope_expiry,
                envelope_notice,
                last_hop,
                orders,
            }
        },
    )
}

fn any_next_hop() -> impl Strategy<Value = NextHop> {
    let domain = any_address().prop_map(|address| address.domain);
    prop_oneof![
        any::<String>().prop_map(|route| NextHop::Local { route }),
        (any::<String>(), domain).prop_map(|(route, domain)| NextHop::Mx { route, domain }),
        any::<String>().prop_map(|route| NextHop::Relay { route }),
    ]
}

fn any_orders() -> impl Strategy<Value = Orders> {
    let held = (any::<(String, String, bool)>(), any_time()).prop_map(|((by, reason, counts), at)| Hold {
        by,
        at,
        reason,
        counts,
    });
    let route =
        (any::<(String, String)>(), any_time()).prop_map(|((by, route), at)| RouteOrder { route, by, at });
    let cancelled =
        (any::<(String, bool)>(), any_time()).prop_map(|((by, notify), at)| Cancellation { by, at, notify });
    let numbers = any::<(u32, u32, u32, u32, u32, u32, bool)>();
    (numbers, option::of(held), option::of(route), option::of(cancelled)).prop_map(
        |(
            (edits, due_edit, count_edit, notice_edit, expiry_edit, held_for, parked),
            held,
            route,
            cancelled,
        )| {
            let time_held = std::time::Duration::from_millis(held_for.into());
            Orders {
                edits,
                due_edit,
                count_edit,
                notice_edit,
                expiry_edit,
                held,
                time_held,
                route,
                cancelled,
                parked,
            }
        },
    )
}

fn any_state() -> impl Strategy<Value = RecipientState> {
    let delivered = (any::<(String, bool, bool, bool)>(), any_reply());
    let delivered = delivered.prop_map(|((host, last_hop, dsn_handed_on, traced), reply)| {
        RecipientState::DeliveredUntold(Delivered { host, reply, last_hop, dsn_handed_on, traced })
    });
    prop_oneof![
        Just(RecipientState::Pending),
        delivered,
        any_trouble().prop_map(RecipientState::FailedUntold)
    ]
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let origin = (select(&SOURCES[..]), any::<(String, IpAddr, u16, Option<String>)>()).prop_map(
        |(source, (listener, client_ip, local_port, authenticated_as))| Origin {
            source,
            listener,
            client_ip,
            local_port,
            authenticated_as,
        },
    );
    let parameters = (
        select(&BODIES[..]),
        option::of(select(&RETS[..])),
        any::<(Option<String>, bool, bool, i8)>(),
        option::of(any_time()),
        option::of((any_time(), select(&BY_MODES[..]), any::<bool>())),
    )
        .prop_map(|(body, ret, (envelope_id, smtputf8, require_tls, priority), hold_until, by)| {
            let deliver_by = by.map(|(until, mode, trace)| DeliverBy { until, mode, trace });
            Parameters { body, ret, envelope_id, smtputf8, require_tls, priority, hold_until, deliver_by }
        });
    let traits = any::<(bool, bool, bool)>().prop_map(|(eight_bit, binary, long_lines)| ContentTraits {
        eight_bit,
        binary,
        long_lines,
    });
    let reverse_path =
        option::of(any_address()).prop_map(|path| path.map_or(ReversePath::Null, ReversePath::Address));
    let recipients = proptest::collection::vec(any_address(), 1..4);
    (reverse_path, any_time(), origin, parameters, traits, any::<u64>(), recipients).prop_map(
        |(reverse_path, accepted_at, origin, parameters, traits, size, recipients)| Envelope {
            message: MessageId(7),
            reverse_path,
            accepted_at,
            origin,
            parameters,
            traits,
            size,
            recipients,
        },
    )
}

proptest! {
    #[test]
    fn envelope_comes_back(envelope in any_envelope()) {
        prop_assert_eq!(read_envelope(envelope.message, &write_envelope(&envelope)), Ok(envelope));
    }

    #[test]
    fn wishes_come_back(bits in 0_u8..16, original in option::of(any::<(String, String)>())) {
        let original = original.map(|(kind, address)| OriginalRecipient { kind, address });
        let notify = Notify::from_bits(bits);
        prop_assert_eq!(read_wishes(&write_wishes(notify, original.as_ref())), Ok((notify, original)));
    }

    #[test]
    fn progress_comes_back(progress in any_progress()) {
        prop_assert_eq!(read_progress(&write_progress(&progress)), Ok(progress));
    }

    #[test]
    fn state_comes_back(state in any_state()) {
        prop_assert_eq!(read_state(write_state(&state).as_deref()), Ok(state));
    }
}

/// The same record with a field that only a later version knows, at both levels.
#[test]
fn fields_of_later_versions_are_skipped() {
    let record = Writer::record(|w| {
        w.number(2, 5);
        w.number(6, 3);
        w.bytes(99, b"later");
        w.nested(8, |w| {
            w.number(3, status_number(EnhancedStatus::new(4, 4, 1)));
            w.number(77, 1);
        });
    });
    let progress = read_progress(&record).unwrap();
    assert_eq!((progress.due, progress.expiry), (Timestamp::from_millis(5), Expiry::Attempts(3)));
    assert_eq!(progress.last.unwrap().status, EnhancedStatus::new(4, 4, 1));
}

#[test]
fn a_record_without_what_it_must_have_is_damaged() {
    let empty = Writer::record(|_| {});
    assert!(read_envelope(MessageId(1), &empty).is_err());
    assert!(read_progress(&empty).is_err());
    assert!(read_state(Some(&empty)).is_err());
    assert!(read_wishes(b"").is_err());
}
