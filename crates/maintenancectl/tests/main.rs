//! Tests of the command as it is run, without httpd.

mod check;
mod flag;
mod ground;
mod lists;
mod manual;
mod obstacles;
mod preview;
