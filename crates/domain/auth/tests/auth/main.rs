//! The door on a real PostgreSQL: who gets in, who goes on, and who is shown
//! out.

mod accounts;
mod admins;
mod costs;
mod elsewhere;
mod figures;
mod house;
mod http_door;
mod logins;
mod people;
mod people_door;
mod programs;
mod refreshes;
mod refusals;
mod remembering;
mod retention;
mod rights;
mod stage;
mod stolen;
mod vectors;
