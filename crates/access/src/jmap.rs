//! JMAP for mail (RFC 8620, RFC 8621).
