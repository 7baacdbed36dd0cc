//! The claim protocol under a model checker: the real [`begin`](reprise::protocol::claim::begin),
//! [`settle`](reprise::protocol::claim::settle) and [`look`](reprise::protocol::claim::look), in every order in which requests,
//! messages, crashes and time can come. `docs/proof.md` says what is modelled, what is not, and what came out.
//!
//! Read it in this order:
//!
//! ```text
//! setting(s)   the bounds, what the contract says, and the settings that are run
//! world        a state: the rows, the Workers, the messages on their way
//! step         the actions, and what each of them does
//! onlooker     what somebody knows who sees only messages and answers; notes what must not happen
//! properties   what must hold in every state, by name, with its rule
//! rules        the functions under test, and where a mutation takes hold
//! check        how it is run
//! generations  a model of its own: two generations of shards while their number changes
//! ```

pub mod check;
pub mod generations;
pub mod onlooker;
pub mod properties;
pub mod rules;
pub mod setting;
pub mod settings;
pub mod step;
pub mod world;
