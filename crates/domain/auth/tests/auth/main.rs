//! The door on a real PostgreSQL: who gets in, who goes on, and who is shown
//! out.

mod accounts;
mod attacks;
mod http_door;
mod logins;
mod people;
mod refreshes;
mod refusals;
mod remembering;
mod stage;
