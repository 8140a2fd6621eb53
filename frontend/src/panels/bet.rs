//! A bet: the question before a step, and what became of the answer at it.

use everyhop_engine::lesson::narration::Bet;
use yew::prelude::*;

use super::caption::words;
use crate::hooks::{Dispatch, click};
use crate::state::Action;

/// The question that the next step answers. Nobody need answer: the next step is there either way.
pub fn offered(bet: &Bet, chosen: Option<usize>, dispatch: &Dispatch) -> Html {
    html! {
        <fieldset class="bet" aria-describedby="bet-ask">
            <legend>{ "Place your bet" }</legend>
            <p id="bet-ask">{ words(&bet.ask) }</p>
            { for bet.choices.iter().enumerate().map(|(index, choice)| html! {
                <button
                    key={index}
                    class="choice"
                    aria-pressed={(chosen == Some(index)).to_string()}
                    onclick={click(dispatch, Action::Bet(index))}
                >
                    { words(choice) }
                </button>
            }) }
            <p class="hint" role="status">
                { if chosen.is_some() { "The next step will tell." } else { "Or just go on." } }
            </p>
        </fieldset>
    }
}

/// What the trace says to a bet that was placed.
pub fn settled(bet: &Bet, chosen: usize) -> Html {
    let is_right = chosen == bet.right;
    let (verdict, class) =
        if is_right { ("You won your bet", "won") } else { ("Not this time", "lost") };
    let choice = |index: usize| bet.choices.get(index).map(|it| words(it));
    html! {
        <div class={classes!("bet", "settled", class)} role="status">
            <b>{ verdict }</b>
            <p>{ words(&bet.ask) }</p>
            if !is_right {
                <p class="was"><s>{ choice(chosen) }</s></p>
            }
            <p class="answer">{ choice(bet.right) }</p>
        </div>
    }
}
