//! The record of what operators have ordered about a recipient, and of where its last attempt went.

use std::time::Duration;

use mail::Domain;
use policy::NextHop;
use policy::revise::{Cancellation, Hold, Orders, RouteOrder};

use super::{Damage, Reader, Value, Writer, flag, string, time};

pub(super) fn write_orders(w: &mut Writer, orders: &Orders) {
    w.number(1, u64::from(orders.edits));
    w.number(2, u64::from(orders.due_edit));
    w.number(3, u64::from(orders.count_edit));
    w.number(4, u64::from(orders.notice_edit));
    w.number(5, u64::from(orders.expiry_edit));
    if let Some(hold) = &orders.held {
        w.nested(6, |w| {
            w.text(1, &hold.by);
            w.number(2, hold.at.as_millis());
            w.text(3, &hold.reason);
            w.number(4, u64::from(hold.counts));
        });
    }
    w.number(7, u64::try_from(orders.time_held.as_millis()).unwrap_or(u64::MAX));
    if let Some(order) = &orders.route {
        w.nested(8, |w| {
            w.text(1, &order.by);
            w.number(2, order.at.as_millis());
            w.text(3, &order.route);
        });
    }
    if let Some(cancelled) = &orders.cancelled {
        w.nested(9, |w| {
            w.text(1, &cancelled.by);
            w.number(2, cancelled.at.as_millis());
            w.number(4, u64::from(cancelled.notify));
        });
    }
    if orders.parked {
        w.number(10, 1);
    }
}

pub(super) fn read_orders(fields: Reader<'_>) -> Result<Orders, Damage> {
    let mut orders = Orders::default();
    for field in fields {
        match field? {
            (1, value) => orders.edits = value.number()?,
            (2, value) => orders.due_edit = value.number()?,
            (3, value) => orders.count_edit = value.number()?,
            (4, value) => orders.notice_edit = value.number()?,
            (5, value) => orders.expiry_edit = value.number()?,
            (6, value) => {
                let Order { by, at, text: reason, flag: counts } = read_order(value)?;
                orders.held = Some(Hold { by, at, reason, counts });
            }
            (7, value) => orders.time_held = Duration::from_millis(value.number()?),
            (8, value) => {
                let Order { by, at, text: route, .. } = read_order(value)?;
                orders.route = Some(RouteOrder { route, by, at });
            }
            (9, value) => {
                let Order { by, at, flag: notify, .. } = read_order(value)?;
                orders.cancelled = Some(Cancellation { by, at, notify });
            }
            (10, value) => orders.parked = flag(value)?,
            _ => {}
        }
    }
    Ok(orders)
}

/// Who ordered something, when, with what.
struct Order {
    by: String,
    at: mail::Timestamp,
    text: String,
    flag: bool,
}

fn read_order(value: Value<'_>) -> Result<Order, Damage> {
    let mut order = Order { by: String::new(), at: mail::Timestamp::EPOCH, text: String::new(), flag: false };
    for field in value.nested()? {
        match field? {
            (1, value) => order.by = string(value)?,
            (2, value) => order.at = time(value)?,
            (3, value) => order.text = string(value)?,
            (4, value) => order.flag = flag(value)?,
            _ => {}
        }
    }
    Ok(order)
}

pub(super) fn write_next_hop(w: &mut Writer, next_hop: &NextHop) {
    w.text(1, next_hop.route());
    match next_hop {
        NextHop::Local { .. } => w.number(2, 0),
        NextHop::Mx { domain, .. } => {
            w.number(2, 1);
            w.text(3, domain.as_str());
        }
        NextHop::Relay { .. } => w.number(2, 2),
    }
}

pub(super) fn read_next_hop(fields: Reader<'_>) -> Result<NextHop, Damage> {
    let (mut route, mut kind, mut domain) = (String::new(), 2_u64, None);
    for field in fields {
        match field? {
            (1, value) => route = string(value)?,
            (2, value) => kind = value.number()?,
            (3, value) => {
                domain = Some(Domain::parse(value.text()?).map_err(|_| Damage("a domain is malformed"))?);
            }
            _ => {}
        }
    }
    match (kind, domain) {
        (0, _) => Ok(NextHop::Local { route }),
        (1, Some(domain)) => Ok(NextHop::Mx { route, domain }),
        (2, _) => Ok(NextHop::Relay { route }),
        _ => Err(Damage("a next hop is unknown")),
    }
}
