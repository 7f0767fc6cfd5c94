//! What a message says about itself: any bytes have a digest, and its parts lie within them, each within its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::digest::{Digest, digest, limits, part, part_text, text_with};

fuzz_target!(|content: &[u8]| {
    let record = digest(content);
    let read = Digest::read(&record);
    let parts = read.parts();
    assert!(!parts.is_empty());
    for (nth, one) in parts.iter().enumerate() {
        assert!(one.header.start <= one.header.end && one.header.end == one.body.start);
        assert!(one.body.start <= one.body.end && one.body.end <= content.len() as u64);
        assert!(one.parent.is_none_or(|parent| parent < nth));
        assert_eq!(part(content, one).len() as u64, one.decoded_size);
        let _ = part_text(content, one);
    }
    assert!(read.preview.chars().count() <= limits::PREVIEW_CHARS_MAX);
    let _ = text_with(content, &read);
    // A record that was damaged says less, and no more than that.
    let damaged = Digest::read(content);
    let _ = (damaged.parts(), damaged.header());
});
