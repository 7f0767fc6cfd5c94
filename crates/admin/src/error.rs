//! Why a method gave no answer: as in all JMAP.

pub use wire::jmap::MethodError;
