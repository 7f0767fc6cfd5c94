//! Which tasks died of a bug? The panics of this thread, but for those of the world's own making.

use std::cell::RefCell;
use std::sync::Once;

use crate::dns::INJECTED_PANIC;

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// From now on panics are written down. A world runs on one thread, so they are its own.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.to_string();
            if text.contains(INJECTED_PANIC) {
                return;
            }
            // A thread that is being torn down has no list any more, and nobody to read it.
            let _ = PANICS.try_with(|panics| panics.try_borrow_mut().map(|mut list| list.push(text)));
            before(info);
        }));
    });
    taken();
}

/// The panics since the last time, which are forgotten by this.
pub fn taken() -> Vec<String> {
    PANICS.with(|panics| panics.take())
}
