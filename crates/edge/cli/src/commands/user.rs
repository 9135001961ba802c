//! `sayso user …`: people, from the machine's own terminal.

use std::io::Read;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use sayso_access::{Ctx, Role, UserId, Via};
use sayso_auth::AuthState;
use sayso_config::Settings;
use sayso_kernel::secret::Secret;
use sayso_kernel::{Random, text};
use sayso_users::model::NAME_MAX;
use sayso_users::password::{PASSWORD_MAX, PASSWORD_MIN};
use sayso_users::{Credential, Email, NewUser};

use super::say;
use crate::storage::Storage;

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a person, beside a running server or without one.
    Create(CreateArgs),
    /// Blank the name and the e-mail of a deleted person, for good.
    Erase(EraseArgs),
    /// Let a person choose another password: prints a code that is good once and for an hour.
    ///
    /// Nothing changes until it is used; then all their sessions and tokens end.
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso user erase 01a220f8-ba57-7013-8c07-e60a3620be58 --yes")]
pub struct EraseArgs {
    /// The person's id.
    id: UserId,
    /// Do it: there is no way back.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso user reset --email ada@example.com
  sayso user reset --email ada@example.com --remove-totp     device and recovery codes are lost")]
pub struct ResetArgs {
    /// The address they log in with.
    #[arg(long)]
    email: String,
    /// Take their second factor away as well: for whoever lost device and recovery codes.
    #[arg(long)]
    remove_totp: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo 'a long pass phrase' | \\
  sayso user create --role ceo --email ada@example.com --name Ada --password-stdin")]
pub struct CreateArgs {
    /// What the person may do.
    #[arg(long)]
    role: RoleArg,
    /// The address they log in with.
    #[arg(long)]
    email: String,
    /// Their name.
    #[arg(long)]
    name: String,
    /// Read the password from standard input: one line, 12 to 256 characters.
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    Ceo,
    Manager,
    Staff,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Ceo => Self::Ceo,
            RoleArg::Manager => Self::Manager,
            RoleArg::Staff => Self::Staff,
        }
    }
}

pub(super) async fn run(settings: &Settings, command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Create(args) => run_create(settings, &args).await,
        UserCommand::Erase(args) => run_erase(settings, &args).await,
        UserCommand::Reset(args) => run_reset(settings, &args).await,
    }
}

async fn run_create(settings: &Settings, args: &CreateArgs) -> Result<()> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("the password cannot be read")?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.contains('\n') {
        bail!("the password must be one line");
    }
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let created = create_on(&storage, settings, random, args, password).await;
    storage.close().await;
    say(&format!("{}", created?));
    Ok(())
}

async fn run_erase(settings: &Settings, args: &EraseArgs) -> Result<()> {
    if !args.yes {
        bail!("nothing was done: what is erased does not come back; say --yes");
    }
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let erased = erase_on(&storage, settings, random, args.id).await;
    storage.close().await;
    say(if erased? { "erased" } else { "was erased before" });
    Ok(())
}

async fn erase_on(
    storage: &Storage,
    settings: &Settings,
    random: Random,
    id: UserId,
) -> Result<bool> {
    let auth = crate::compose::beside(storage, settings, random).await?;
    let ctx = Ctx::anonymous(Via::System, auth.app.clock.clone(), auth.app.random.clone());
    let work = async move |tx: &mut _, ctx: &_| sayso_auth::people::erase_in(tx, ctx, id).await;
    let erased = auth.app.db.transaction(&ctx, work).await;
    auth.app.db.close();
    Ok(erased?)
}

async fn run_reset(settings: &Settings, args: &ResetArgs) -> Result<()> {
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let code = reset_on(&storage, settings, random, args).await;
    storage.close().await;
    say(&code?);
    Ok(())
}

async fn reset_on(
    storage: &Storage,
    settings: &Settings,
    random: Random,
    args: &ResetArgs,
) -> Result<String> {
    let auth = crate::compose::beside(storage, settings, random).await?;
    let ctx = Ctx::anonymous(Via::System, auth.app.clock.clone(), auth.app.random.clone());
    let code = reset_of(&auth, &ctx, args).await;
    auth.app.db.close();
    code
}

async fn reset_of(auth: &AuthState, ctx: &Ctx, args: &ResetArgs) -> Result<String> {
    let known = sayso_users::service::credentials(&mut auth.app.db.read(), &args.email).await?;
    let user = known.context("nobody has this e-mail")?.user_id;
    if args.remove_totp {
        let work = async move |tx: &mut _, ctx: &_| {
            sayso_auth::second_factor::remove_of_in(tx, ctx, user).await
        };
        auth.app.db.transaction(ctx, work).await.context("the second factor")?;
    }
    Ok(sayso_auth::reset::start(auth, ctx, user).await?.code.expose().clone())
}

async fn create_on(
    storage: &Storage,
    settings: &Settings,
    random: Random,
    args: &CreateArgs,
    password: &str,
) -> Result<UserId> {
    let auth = crate::compose::beside(storage, settings, random).await?;
    let ctx = Ctx::anonymous(Via::System, auth.app.clock.clone(), auth.app.random.clone());
    let person = (args.name.as_str(), args.email.as_str(), Role::from(args.role));
    let created = create(&auth, &ctx, person, password).await;
    auth.app.db.close();
    created
}

/// Creates a person whose password is their own: whoever typed it is the
/// operator, and nobody is asked to change it.
async fn create(
    auth: &AuthState,
    ctx: &Ctx,
    (name, email, role): (&str, &str, Role),
    password: &str,
) -> Result<UserId> {
    let email = Email::parse(email).context("that is not an e-mail address")?;
    let name = text::parse(name, NAME_MAX).context("the name")?;
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&password.chars().count()) {
        bail!("the password must have {PASSWORD_MIN} to {PASSWORD_MAX} characters");
    }
    let hash = auth.hasher.hash(Secret::new(password.to_owned())).await?;
    let new = NewUser::new(ctx, email, name, role, Credential::Chosen(hash));
    let made = auth.app.db.transaction(ctx, async move |tx, ctx| {
        sayso_users::service::create_in(tx, ctx, new.clone()).await
    });
    Ok(made.await?.id)
}
