//! Who is at the other end of the Unix socket? The kernel says.

use crate::caller::{Caller, Role};

/// Bytes of the list of users that are read.
const PASSWD_BYTES_MAX: u64 = 1024 * 1024;

/// The caller of this user id, if it may ask at all: the owner of the data directory and root are administrators.
pub fn local_caller(peer: u32, owner: u32) -> Option<Caller> {
    (peer == owner || peer == 0).then(|| Caller::new(format!("local {}", user_name(peer)), Role::Admin))
}

/// The user's name, or its number if nobody knows it.
fn user_name(uid: u32) -> String {
    use std::io::Read;
    let mut text = String::new();
    let read = std::fs::File::open("/etc/passwd")
        .and_then(|file| file.take(PASSWD_BYTES_MAX).read_to_string(&mut text));
    let known = read.ok().and_then(|_| name_in(&text, uid));
    known.unwrap_or_else(|| uid.to_string())
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    let wanted = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == wanted && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_and_root_are_administrators_and_nobody_else_is_anybody() {
        for (peer, owner, expected) in
            [(1000, 1000, true), (0, 1000, true), (1001, 1000, false), (1000, 0, false)]
        {
            assert_eq!(local_caller(peer, owner).is_some(), expected, "{peer} {owner}");
        }
        assert_eq!(local_caller(0, 5).unwrap().role, Role::Admin);
    }

    #[test]
    fn a_user_has_its_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nmail:x:8:8:mail:/var/mail:/usr/sbin/nologin\nbroken\n";
        assert_eq!(name_in(passwd, 8).as_deref(), Some("mail"));
        assert_eq!(name_in(passwd, 9), None);
    }
}
