//! One session: drives `wire::smtp::server` over a stream and asks `policy::admit`.
