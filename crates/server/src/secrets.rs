//! Reads secrets from the environment and from files, where the boot file allows it.

use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use policy::settings::{Secret, SecretReference};
use rustix::fs::OFlags;

use crate::config;
use crate::settings_file::read_bounded;

/// Bytes of a secret's file at most.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The secrets of this machine that the settings may take.
#[derive(Clone, Debug)]
pub(crate) struct MachineSecrets {
    pub(crate) allowed: config::Secrets,
}

#[async_trait]
impl mta::Secrets for MachineSecrets {
    async fn secret(&self, reference: &SecretReference) -> Result<Secret, String> {
        let (reference, allowed) = (reference.clone(), self.allowed.clone());
        // A file may lie on another machine that does not answer.
        let reading = tokio::task::spawn_blocking(move || read(&reference, &allowed));
        reading.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// The secret as it is now, or why it cannot be had.
pub(crate) fn read(reference: &SecretReference, allowed: &config::Secrets) -> Result<Secret, String> {
    let text = match reference {
        SecretReference::EnvironmentVariable(name) => variable(name.trim(), allowed)?,
        SecretReference::File(path) => file(path, allowed)?,
    };
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret::new(text))
}

/// How variables must begin that are named over the API, where the boot file says nothing.
const API_PREFIX: &str = "WAYPOST_";

/// Whether the API may make the settings refer to this; the reason if not. Stricter than reading where the boot file
/// says nothing: whoever may change a route could else have any file of the server sent to a host of theirs.
pub(crate) fn allowed_over_api(
    reference: &SecretReference,
    allowed: &config::Secrets,
    data_directory: &Path,
) -> Result<(), String> {
    match reference {
        SecretReference::EnvironmentVariable(name) => {
            let prefix = allowed.environment_prefix.as_deref().unwrap_or(API_PREFIX);
            match name.trim().starts_with(prefix) {
                true => Ok(()),
                false => Err(format!(
                    "the boot file allows the API only variables that begin with {prefix} (environment_prefix in [secrets])"
                )),
            }
        }
        SecretReference::File(path) => {
            let directories = api_directories(allowed, data_directory);
            // What is not there yet is judged by its directory, and again when it is read.
            let real = path.canonicalize().ok().or_else(|| {
                let (folder, name) = (path.parent()?.canonicalize().ok()?, path.file_name()?);
                Some(folder.join(name))
            });
            let inside = |directory: &PathBuf| {
                let base = directory.canonicalize();
                base.is_ok_and(|base| real.as_ref().is_some_and(|real| real.starts_with(base)))
            };
            if directories.iter().any(inside) {
                return Ok(());
            }
            let names: Vec<String> = directories.iter().map(|path| path.display().to_string()).collect();
            Err(format!(
                "the boot file allows the API only files below {} (directories in [secrets])",
                names.join(", ")
            ))
        }
    }
}

fn api_directories(allowed: &config::Secrets, data_directory: &Path) -> Vec<PathBuf> {
    if !allowed.directories.is_empty() {
        return allowed.directories.clone();
    }
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    [data_directory.join("secrets")].into_iter().chain(credentials).collect()
}

fn variable(name: &str, allowed: &config::Secrets) -> Result<String, String> {
    if let Some(prefix) = allowed.environment_prefix.as_ref().filter(|prefix| !name.starts_with(*prefix)) {
        return Err(format!("the boot file allows only variables that begin with {prefix}"));
    }
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => "it is not set".to_owned(),
        std::env::VarError::NotUnicode(_) => "it is not UTF-8".to_owned(),
    })
}

fn file(path: &Path, allowed: &config::Secrets) -> Result<String, String> {
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    let inside = |directory: &PathBuf| directory.canonicalize().is_ok_and(|base| real.starts_with(base));
    if !allowed.directories.is_empty() && !allowed.directories.iter().any(inside) {
        return Err("it lies in none of the directories that the boot file allows".to_owned());
    }
    let (text, everybodys) = content(&real).map_err(|error| error.to_string())?;
    if everybodys && !allowed.world_readable && !is_public(&text) {
        return Err("everybody on this machine may read it: take the permission away (chmod o-r)".to_owned());
    }
    Ok(text.trim_end().to_owned())
}

/// The text of a regular file, and whether everybody may read it. A pipe would keep us waiting, a device would never
/// end. No link is followed any more.
fn content(real: &Path) -> io::Result<(String, bool)> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).expect("flags fit the system's own type");
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(real)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let everybodys = metadata.permissions().mode() & 0o004 != 0;
    Ok((read_bounded(file, SECRET_BYTES_MAX)?, everybodys))
}

/// Certificates without a key are shown to everybody anyway.
fn is_public(text: &str) -> bool {
    text.contains("-----BEGIN CERTIFICATE-----") && !text.contains("PRIVATE KEY-----")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    // proves: J5, 5.17 secrets
    #[test]
    fn a_secret_is_read_from_a_regular_file_of_modest_size() {
        let place = tempfile::tempdir().unwrap();
        let check = |path: PathBuf, expected: &str| {
            let error = file(&path, &config::Secrets::default()).unwrap_err();
            assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
        };
        check(place.path().to_owned(), "regular file");
        check(PathBuf::from("/dev/zero"), "regular file");
        let pipe = place.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        check(pipe, "regular file");
        let large = place.path().join("large");
        write(&large, &"x".repeat(70_000), 0o600);
        check(large, "larger than");
    }

    // proves: L7, L8
    #[test]
    fn the_api_names_only_what_the_boot_file_allows_and_little_where_it_says_nothing() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        let (kept, elsewhere) = (data.join("secrets"), place.path().join("elsewhere"));
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::create_dir_all(&elsewhere).unwrap();
        write(&elsewhere.join("secret"), "hush", 0o600);
        std::os::unix::fs::symlink(elsewhere.join("secret"), kept.join("link")).unwrap();
        let silent = config::Secrets::default();
        let lists = config::Secrets {
            directories: vec![elsewhere.clone()],
            environment_prefix: Some("RELAY_".to_owned()),
            ..config::Secrets::default()
        };
        let file = SecretReference::File;
        let variable = |name: &str| SecretReference::EnvironmentVariable(name.to_owned());
        for (reference, by_default, listed) in [
            (file(kept.join("relay")), true, false),
            (file(kept.join("link")), false, true),
            (file(kept.join("../../elsewhere/secret")), false, true),
            (file(elsewhere.join("secret")), false, true),
            (file(PathBuf::from("/etc/shadow")), false, false),
            (file(PathBuf::from("/proc/self/environ")), false, false),
            (file(kept.join("no/such/folder")), false, false),
            (file(PathBuf::new()), false, false),
            (variable("WAYPOST_RELAY"), true, false),
            (variable("RELAY_PASSWORD"), false, true),
            (variable("AWS_SECRET_ACCESS_KEY"), false, false),
        ] {
            assert_eq!(allowed_over_api(&reference, &silent, &data).is_ok(), by_default, "{reference}");
            assert_eq!(allowed_over_api(&reference, &lists, &data).is_ok(), listed, "{reference}");
        }
    }

    // proves: J5
    #[test]
    fn a_secret_that_everybody_may_read_is_none() {
        let place = tempfile::tempdir().unwrap();
        let (path, strict) = (place.path().join("secret"), config::Secrets::default());
        write(&path, "hush\n", 0o644);
        let error = file(&path, &strict).unwrap_err();
        assert!(error.contains("everybody") && !error.contains("hush"), "{error}");
        let lax = config::Secrets { world_readable: true, ..config::Secrets::default() };
        assert_eq!(file(&path, &lax).unwrap(), "hush");
        write(&path, "hush\n", 0o640);
        assert_eq!(file(&path, &strict).unwrap(), "hush");
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        write(&path, certificate, 0o644);
        assert_eq!(file(&path, &strict).unwrap(), certificate.trim_end());
        write(&path, &format!("{certificate}-----BEGIN PRIVATE KEY-----"), 0o644);
        assert!(file(&path, &strict).is_err());
    }

    // proves: J5, 5.17 secrets
    #[test]
    fn secrets_come_only_from_where_the_boot_file_allows() {
        let inside = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        for directory in [&inside, &outside] {
            write(&directory.path().join("secret"), "hush \n", 0o600);
        }
        let allowed = config::Secrets {
            environment_prefix: Some("WAYPOST_".to_owned()),
            directories: vec![inside.path().to_owned()],
            ..config::Secrets::default()
        };
        let good = SecretReference::File(inside.path().join("secret"));
        assert_eq!(read(&good, &allowed).unwrap().expose(), "hush");
        let sneaky = inside.path().join("..").join(outside.path().file_name().unwrap()).join("secret");
        for bad in [
            SecretReference::File(outside.path().join("secret")),
            SecretReference::File(sneaky),
            SecretReference::File(inside.path().join("absent")),
            SecretReference::EnvironmentVariable("PATH".to_owned()),
            SecretReference::EnvironmentVariable("WAYPOST_NOT_SET".to_owned()),
        ] {
            assert!(read(&bad, &allowed).is_err(), "{bad:?}");
        }
        let anywhere = config::Secrets::default();
        assert!(read(&SecretReference::EnvironmentVariable("PATH".to_owned()), &anywhere).is_ok());
    }
}
