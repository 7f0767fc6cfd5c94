//! Which tasks died of a bug? The panics of this thread, but for those of the world's own making.

use std::cell::RefCell;
use std::sync::Once;

use crate::dns::INJECTED_PANIC;
use crate::history::History;

thread_local! {
    static HISTORY: RefCell<Option<History>> = const { RefCell::new(None) };
}

/// From now on panics of this thread are written into this history. A world runs on one thread, so they are its own.
pub fn watch(history: &History) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() == Some(INJECTED_PANIC) {
                return;
            }
            let text = info.to_string();
            // A thread that is being torn down has no history any more, and nobody to read it.
            let _ = HISTORY.try_with(|history| {
                if let Ok(Some(history)) = history.try_borrow().as_deref() {
                    history.note_panic(text);
                }
            });
            before(info);
        }));
    });
    HISTORY.set(Some(history.clone()));
}

/// From now on they are not.
pub fn forget() {
    HISTORY.set(None);
}
