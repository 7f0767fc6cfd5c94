//! How much may one client of the API take?

use std::time::Duration;

/// The bounds of the HTTP server.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Connections at once.
    pub connections_max: usize,
    /// Requests that are answered at once; more are told to come back.
    pub requests_max: usize,
    /// Large requests that are answered at once, each being held in memory; more wait.
    pub large_requests_max: usize,
    /// Bytes from which a request is large.
    pub large_bytes: usize,
    /// Bytes of the header of a request.
    pub header_bytes_max: usize,
    /// Fields of the header of a request.
    pub header_fields_max: usize,
    /// From the first byte of a header to its last, and from one request to the next.
    pub header_time_max: Duration,
    /// From the end of the header to the end of the body.
    pub body_time_max: Duration,
    /// From the end of the header to the answer.
    pub answer_time_max: Duration,
    /// How long requests under way may take to end when the server ends.
    pub ending_time_max: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            connections_max: 256,
            requests_max: 64,
            large_requests_max: 2,
            large_bytes: 256 << 10,
            header_bytes_max: 32 << 10,
            header_fields_max: 64,
            header_time_max: Duration::from_secs(30),
            body_time_max: Duration::from_secs(30),
            answer_time_max: Duration::from_secs(120),
            ending_time_max: Duration::from_secs(5),
        }
    }
}
