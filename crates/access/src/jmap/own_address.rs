//! Which addresses may an account send as? Its own, with or without a detail, under each name of their domain.

use mail::{Address, LocalPart};
use policy::Configuration;
use policy::settings::Account;

/// What stands before a detail.
const SEPARATOR: char = '+';

/// Its addresses, the main one first.
pub(crate) fn addresses(account: &Account) -> Vec<Address> {
    let mut all = vec![account.name.clone()];
    for alias in &account.aliases {
        if !all.iter().any(|known| same(known, alias)) {
            all.push(alias.clone());
        }
    }
    all
}

/// Whether it may send as this one.
pub(crate) fn is_own(configuration: &Configuration, account: &Account, address: &Address) -> bool {
    let main = |address: &Address| match configuration.local_domain(&address.domain) {
        Some(domain) => Address { domain: domain.name.clone(), ..address.clone() },
        None => address.clone(),
    };
    let asked = main(address);
    let plain = asked.local_part.as_str().split_once(SEPARATOR).and_then(|(plain, _)| {
        Some(Address { local_part: LocalPart::parse(plain).ok()?, domain: asked.domain.clone() })
    });
    addresses(account)
        .iter()
        .map(main)
        .any(|own| same(&own, &asked) || plain.as_ref().is_some_and(|plain| same(&own, plain)))
}

/// Upper and lower case are the same in addresses of ours.
fn same(one: &Address, other: &Address) -> bool {
    one.to_string().to_lowercase() == other.to_string().to_lowercase()
}
