//! Icons, drawn in line with the text around them (Lucide's shapes, ISC licence). They say nothing
//! to a screen reader: what they stand on has a name.

use leptos::prelude::*;

macro_rules! icon {
    ($(#[$doc:meta])* $name:ident, $($shape:tt)*) => {
        $(#[$doc])*
        #[component]
        pub(super) fn $name() -> impl IntoView {
            view! {
                <svg
                    class="icon"
                    width="18"
                    height="18"
                    viewBox="0 0 24 24"
                    fill="none"
                    stroke="currentColor"
                    stroke-width="1.8"
                    stroke-linecap="round"
                    stroke-linejoin="round"
                    aria-hidden="true"
                >
                    $($shape)*
                </svg>
            }
        }
    };
}

icon!(
    /// Something new.
    PlusIcon,
    <path d="M5 12h14M12 5v14" />
);
icon!(
    /// Settings.
    SettingsIcon,
    <path d="M20 7h-9M14 17H5" />
    <circle cx="17" cy="17" r="3" />
    <circle cx="7" cy="7" r="3" />
);
icon!(
    /// Back.
    BackIcon,
    <path d="m15 18-6-6 6-6" />
);
icon!(
    /// Down to the newest.
    DownIcon,
    <path d="M12 5v14M19 12l-7 7-7-7" />
);
icon!(
    /// Send.
    SendIcon,
    <path d="m5 12 7-7 7 7M12 19V5" />
);
icon!(
    /// A room for some alone.
    LockIcon,
    <rect x="5" y="11" width="14" height="9" rx="2" />
    <path d="M8 11V7a4 4 0 0 1 8 0v4" />
);
icon!(
    /// People.
    PeopleIcon,
    <path d="M16 20v-2a4 4 0 0 0-4-4H7a4 4 0 0 0-4 4v2" />
    <circle cx="9.5" cy="7" r="4" />
    <path d="M21 20v-2a4 4 0 0 0-3-3.9M16 3.1a4 4 0 0 1 0 7.8" />
);
icon!(
    /// Looking for something.
    CompassIcon,
    <circle cx="12" cy="12" r="9" />
    <path d="m16 8-2 6-6 2 2-6z" />
);
