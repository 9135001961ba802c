//! PostgreSQL is killed, restarted, hung, cut off and set read-only under
//! people who write: what was acknowledged is there, nothing is there twice,
//! no event is missing, and all heals by itself.

mod conflict;
mod count;
mod crash;
mod hang;
mod killed;
mod readonly;
mod restart;
mod stage;
mod terminate;
