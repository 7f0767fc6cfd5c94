//! RFC 3464: print and parse a delivery status notification.
