//! How much may one request ask?

/// What the core capability announces (RFC 8620 section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of an upload; 0 if nothing can be uploaded.
    pub upload_bytes_max: usize,
    /// Uploads of one caller at once.
    pub concurrent_uploads_max: usize,
    /// Bytes of a request.
    pub request_bytes_max: usize,
    /// Requests of one caller at once.
    pub concurrent_requests_max: usize,
    /// Calls in one request.
    pub calls_max: usize,
    /// Objects that one `/get` gives.
    pub objects_in_get_max: usize,
    /// Objects that one `/set` makes, changes and removes.
    pub objects_in_set_max: usize,
    /// Bytes that references may copy from answers into arguments, in one request.
    pub referenced_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload_bytes_max: 0,
            concurrent_uploads_max: 1,
            request_bytes_max: 10_000_000,
            concurrent_requests_max: 8,
            calls_max: 64,
            objects_in_get_max: 500,
            objects_in_set_max: 500,
            referenced_bytes_max: 16 << 20,
        }
    }
}
