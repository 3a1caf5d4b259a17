"""Which signal says what about which entity: the facts behind a suggestion, as data.

Decisions: a recipe is one embedder on one kind of data, with what it needs, what it is for and how it misleads; for
each task the recipes are ranked by hand, and the rank is the opinion this file holds. How much data a recipe needs is a
rule of thumb: what was measured, on one data set, is in docs/entities.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Signal:
    """A kind of data. name: as given to ``--has``. meaning: one row of it. also: other words for it."""

    name: str
    meaning: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntityKind:
    """A kind of entity. also: other words for it."""

    name: str
    meaning: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trap:
    """How an embedding misleads, and what to do about it."""

    name: str
    text: str


@dataclass(frozen=True)
class EmbedderRecipe:
    """One embedder on one kind of data.

    every: signals that must be there. some: of these, at least one must (none named: none needed). better: signals it
    also uses. needs: how much data. traps: names of ``TRAPS``. call: lines of Python; tables are named as signals are;
    ``{rows}`` is the best of ``some`` that is there, and ``{how}`` its settings.
    """

    name: str
    entity: str
    embedder: str
    every: tuple[str, ...]
    because: str
    needs: str
    traps: tuple[str, ...]
    call: tuple[str, ...]
    some: tuple[str, ...] = ()
    better: tuple[str, ...] = ()

    def works_with(self, has: frozenset[str]) -> bool:
        """Whether these signals are enough."""
        return has.issuperset(self.every) and (not self.some or bool(has.intersection(self.some)))


@dataclass(frozen=True)
class Company:
    """What things keep company in. how: the settings that read it."""

    name: str
    how: str


@dataclass(frozen=True)
class EntityTask:
    """What vectors of an entity are for. recipes: names, the best first."""

    name: str
    entity: str
    question: str
    recipes: tuple[str, ...]


SIGNALS = (
    Signal("text", "an entity and what is written about it", ("description", "title", "name", "message")),
    Signal("categories", "an entity and the category it is filed under", ("category", "genre", "department")),
    Signal("tree", "a category and its parent, or categories written as paths", ("hierarchy", "taxonomy", "paths")),
    Signal("baskets", "a basket (an order, a playlist) and one thing in it", ("orders", "carts", "playlists")),
    Signal("sessions", "a visit, one thing looked at, and when", ("clicks", "visits", "views")),
    Signal("histories", "a user, one thing they chose, and when", ("interactions", "purchases", "ratings")),
    Signal("segments", "a user and the segment they belong to", ("segment", "cohorts", "groups")),
)

KINDS = (
    EntityKind("product", "something people choose", ("item", "article", "film", "song", "book", "sku")),
    EntityKind("user", "somebody who chooses", ("customer", "member", "visitor", "account", "person")),
    EntityKind("category", "a shelf that products stand on", ("department", "genre", "topic", "tag", "node")),
    EntityKind("text", "something that is read", ("document", "ticket", "message", "page", "review")),
)

COMPANY = (
    Company("baskets", ""),
    Company("sessions", ', basket="session", window=5'),
    Company("histories", ', basket="user"'),
)
_COMPANY = tuple(company.name for company in COMPANY)

TRAPS = (
    Trap(
        "popularity",
        "Popular things keep everybody's company. PMI divides popularity out of the vectors, so rank by similarity and"
        " add popularity back openly; hold the result against a popularity ranking before it is believed.",
    ),
    Trap(
        "time",
        "Baskets of tomorrow tell which things go together today. Fit on what lies before the split, and place users"
        " with now= at the moment they are asked about.",
    ),
    Trap(
        "cold",
        "What never occurred has no company: its basis is 'unknown' and its vector zero. Keep it out of search with"
        " .known, or use content for it.",
    ),
    Trap(
        "rare",
        "Two chance meetings make a rare pair look close. Raise least= before raising dimension=, and read support.",
    ),
    Trap(
        "drift",
        "Seasons, prices and assortment change the company things keep. A new fit is a new space: migrate the table,"
        " never mix the two.",
    ),
    Trap(
        "substitutes",
        "Things bought together are rarely instead of one another: a printer's neighbours are its cartridges. Sessions"
        " lie between, because people compare before they buy.",
    ),
    Trap(
        "wording",
        "Text puts together what is described alike, not what is used alike: a toy kitchen lies near a kitchen. A brand"
        " or a boilerplate sentence in every text is what they will be near by.",
    ),
    Trap(
        "cut",
        "A source reads only its first tokens (256 for minilm): put the telling columns first.",
    ),
    Trap(
        "carried",
        "Content stands for behaviour only as far as it predicts it: read fitted.bridge.explained, which leaves each"
        " item out. Near 0, a cold item's place means nothing.",
    ),
    Trap(
        "tree",
        "An unseen category looks exactly like its parent. That is honest for a knife among kitchen tools and wrong for"
        " a shelf named 'Other'.",
    ),
    Trap(
        "thin",
        "With little history a user's vector is the prior. Similar users are then similar in knowing nothing: leave out"
        " those whose support is small.",
    ),
    Trap(
        "feedback",
        "People choose from what they were shown, so histories partly repeat the last recommender.",
    ),
    Trap(
        "private",
        "A user's vector tells what they did. It is personal data, and is erased with the person.",
    ),
)

_FEW_BASKETS = (
    "1,000 baskets of two or more; an item in 2 is placed, from 5 on its neighbours are worth reading;"
    " dimension well below the number of items in 5 baskets"
)

RECIPES = (
    EmbedderRecipe(
        "text",
        "product",
        "TextEntities",
        ("text",),
        "The source has read what such words mean elsewhere, so nothing has to happen to a product first, and a query"
        " is in the same space.",
        "a sentence per product; no interactions",
        ("wording", "cut"),
        ('products = TextEntities(text=("title", "description")).fit(text)', "placed = products.transform(text)"),
    ),
    EmbedderRecipe(
        "content",
        "product",
        "ItemsFromContent",
        ("text", "categories"),
        "Text says what a thing is and its category steadies it when the text is poor; a category never met is replaced"
        " by its nearest known ancestor, and the basis says so.",
        "a sentence or a category per product; five products a category",
        ("wording", "cut", "tree"),
        (
            'products = ItemsFromContent(text=("title", "description"), category="category").fit(text)',
            "placed = products.transform(text)",
        ),
        better=("tree",),
    ),
    EmbedderRecipe(
        "baskets",
        "product",
        "ItemsFromCooccurrence",
        ("baskets",),
        "Things chosen at once serve one purpose, which no description says.",
        _FEW_BASKETS,
        ("popularity", "substitutes", "time", "cold", "rare", "drift"),
        ("products = ItemsFromCooccurrence(dimension=64).fit(baskets)", "placed = products.everything()"),
    ),
    EmbedderRecipe(
        "sessions",
        "product",
        "ItemsFromCooccurrence",
        ("sessions",),
        "Within a few clicks people compare like with like; the nearer in the visit, the more it counts.",
        "1,000 visits of two or more; an item in 2 is placed, from 5 on its neighbours are worth reading",
        ("feedback", "popularity", "time", "cold", "rare", "drift"),
        (
            'products = ItemsFromCooccurrence(dimension=64, basket="session", window=5).fit(sessions)',
            "placed = products.everything()",
        ),
    ),
    EmbedderRecipe(
        "shared-taste",
        "product",
        "ItemsFromCooccurrence",
        ("histories",),
        "What the same people like over the years is alike in taste, if not in purpose.",
        "500 users of five or more; an item with 5 users",
        ("popularity", "feedback", "time", "cold", "rare"),
        (
            'products = ItemsFromCooccurrence(dimension=64, basket="user").fit(histories)',
            "placed = products.everything()",
        ),
    ),
    EmbedderRecipe(
        "both",
        "product",
        "ItemsFromBoth",
        ("text",),
        "Behaviour where there is some, what content predicts of it where there is none, and in between by how many"
        " baskets there are: new and old products stand in one space.",
        "what baskets and text need, and some hundred products that have both",
        ("carried", "time", "drift", "wording"),
        (
            'content = ItemsFromContent(text=("title", "description"))',
            "products = ItemsFromBoth(ItemsFromCooccurrence(dimension=64{how}), content).fit({rows}, items=text)",
            "placed = products.transform(text)",
        ),
        some=_COMPANY,
    ),
    EmbedderRecipe(
        "histories",
        "user",
        "UsersFromHistories",
        ("histories",),
        "A user is where their choices are: recent and rare ones tell more, and few ones are shrunk to what is usual.",
        "two users, to fit how far to shrink; about λ interactions (fitted.strength.value) before a user differs from"
        " the prior more than they resemble it",
        ("thin", "time", "feedback", "private", "cold"),
        (
            'items = ItemsFromCooccurrence(dimension=64, basket="user").fit(histories).everything()',
            "users = UsersFromHistories(half_life=90).fit(histories, items=items)",
            "placed = users.transform(histories)",
            "queries = users.queries(placed)",
        ),
    ),
    EmbedderRecipe(
        "segments",
        "user",
        "UsersFromHistories",
        ("histories", "segments"),
        "A user is where their choices are, and somebody without any starts from the mean of their segment instead of"
        " everybody's.",
        "ten users with a history in a segment, before its mean outweighs everybody's",
        ("thin", "time", "feedback", "private"),
        (
            'items = ItemsFromCooccurrence(dimension=64, basket="user").fit(histories).everything()',
            'embedder = UsersFromHistories(half_life=90, segment="segment")',
            "users = embedder.fit(histories, items=items, users=segments)",
            "placed = users.transform(histories, users=segments)",
        ),
    ),
    EmbedderRecipe(
        "profile",
        "user",
        "TextEntities",
        ("text",),
        "What people write about themselves is there before they do anything.",
        "a sentence per user; no interactions",
        ("wording", "private", "cut"),
        ('users = TextEntities(text=("title", "description")).fit(text)', "placed = users.transform(text)"),
    ),
    EmbedderRecipe(
        "company",
        "category",
        "Categories",
        (),
        "Shelves that are visited together belong together, wherever they hang in the tree; rare ones borrow from their"
        " parent and unseen ones take its vector.",
        "200 baskets over two categories or more; a rare category is shrunk, so even one basket is of use",
        ("tree", "popularity", "time", "drift"),
        (
            "shelves = Categories(dimension=16{how}).fit({rows})",
            'placed = shelves.transform(["Home > Kitchen > Knives", "Home > Kitchen > Peelers"])',
        ),
        some=_COMPANY,
    ),
    EmbedderRecipe(
        "branch",
        "category",
        "Categories",
        ("tree",),
        "Shelves that are visited together belong together; rare ones borrow from their parent in the tree, and an"
        " unseen row of it takes the vector of its nearest known ancestor, and says which.",
        "200 baskets over two categories or more, and a tree without cycles",
        ("tree", "popularity", "time", "drift"),
        (
            "shelves = Categories(dimension=16{how}).fit({rows}, tree=tree)",
            'placed = shelves.transform(["Home > Kitchen > Knives", "Home > Kitchen > Peelers"])',
        ),
        some=_COMPANY,
    ),
    EmbedderRecipe(
        "names",
        "category",
        "TextEntities",
        ("text",),
        "A name or a path read as text is found by other words for it.",
        "a telling name per category",
        ("wording", "tree"),
        ('shelves = TextEntities(text=("title",)).fit(text)', "placed = shelves.transform(text)"),
    ),
    EmbedderRecipe(
        "text",
        "text",
        "TextEntities",
        ("text",),
        "The source has read what such words mean elsewhere; texts and queries are in one space.",
        "one text",
        ("wording", "cut"),
        ('texts = TextEntities(text=("title", "description")).fit(text)', "placed = texts.transform(text)"),
    ),
)

TASKS = (
    EntityTask("substitutes", "product", "what could I take instead?", ("content", "text", "sessions", "shared-taste")),
    EntityTask("complements", "product", "what is bought together with it?", ("baskets", "sessions", "shared-taste")),
    EntityTask("next", "product", "what comes next in this visit?", ("sessions", "baskets", "shared-taste")),
    EntityTask("cold items", "product", "where does a new one stand?", ("both", "content", "text")),
    EntityTask("search", "product", "which one do these words mean?", ("text",)),
    EntityTask("recommend", "user", "what would this user choose?", ("segments", "histories")),
    EntityTask("alike", "user", "who chooses alike?", ("segments", "histories", "profile")),
    EntityTask(
        "new users", "user", "where does somebody without a history start?", ("segments", "profile", "histories")
    ),
    EntityTask("related", "category", "which shelves are visited together?", ("branch", "company")),
    EntityTask(
        "rows in a tree",
        "category",
        "where does a row of the tree stand that nobody bought yet?",
        ("branch", "company", "names"),
    ),
    EntityTask("search", "category", "which shelf do these words mean?", ("names",)),
    EntityTask("search", "text", "which one do these words mean?", ("text",)),
    EntityTask("alike", "text", "which say the same?", ("text",)),
)
