//! Files good and wrong, and what is made of them.

mod dump;
mod foreign;
mod good;
mod hostile;
mod recipes;
mod wrong;
