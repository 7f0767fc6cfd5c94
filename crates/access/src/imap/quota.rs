//! GETQUOTA and GETQUOTAROOT: how much does the account hold, and how much may it? (RFC 9208)

use mail::Address;
use store::StoreError;
use wire::imap::{Command, print, reply};

use super::session::{Answer, Session};
use super::tree::Tree;

/// Answers a command about quotas. There is one root, named by the empty string: the account.
pub(super) async fn command(
    session: &mut Session,
    account: &Address,
    command: Command,
) -> Result<Answer, StoreError> {
    match command {
        Command::GetQuota(root) if root.is_empty() => tell(session, account).await?,
        Command::GetQuota(_) => return Ok(Answer::no("[NONEXISTENT]", "there is no such quota root")),
        Command::GetQuotaRoot(path) => {
            if Tree::load(&session.world, account).await?.find(&path).is_none() {
                return Ok(Answer::no("[NONEXISTENT]", "there is no such mailbox"));
            }
            let names = session.names();
            let output = &mut session.talk.output;
            output.extend_from_slice(b"* QUOTAROOT ");
            print::mailbox(output, &path, names);
            output.extend_from_slice(b" \"\"\r\n");
            tell(session, account).await?;
        }
        _ => return Ok(Answer::no("[NOPERM]", "quotas are set in the settings of the server")),
    }
    Ok(Answer::ok("that is how much"))
}

async fn tell(session: &mut Session, account: &Address) -> Result<(), StoreError> {
    let state = session.world.messages.open(account, session.now()).await?;
    let storage = match session.room().bytes_max {
        Some(max) => format!("STORAGE {} {}", state.usage.div_ceil(1024), max / 1024),
        None => String::new(),
    };
    reply::untagged(&mut session.talk.output, format_args!("QUOTA \"\" ({storage})"));
    Ok(())
}
