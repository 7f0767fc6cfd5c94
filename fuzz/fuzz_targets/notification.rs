//! A message that may be a delivery status notification: parsed or not, and never more than was there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::dsn::DeliveryStatus;
use mail::header::header_end;

fuzz_target!(|message: &[u8]| {
    let _ = DeliveryStatus::find(message);
    assert!(header_end(message) <= message.len());
});
