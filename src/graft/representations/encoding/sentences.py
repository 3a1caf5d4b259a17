"""Sentences of our own, the same for everybody: some to take scales from, others to check what came of it.

They differ in length, subject, style, language and script, because what a model makes of rare tokens and of long texts
decides how wide its activations reach.
"""

from collections.abc import Sequence

CALIBRATING = (
    "What is the exchange rate today?",
    "My card was declined at the supermarket although there is money in the account.",
    "I would like to return a pair of shoes that I bought last week; they are too small.",
    "The meeting has been moved to Thursday at 14:30 in room B-204.",
    "Scientists found that the glacier loses about two metres of ice a year.",
    "ok",
    "WARNING: disk /dev/sda1 is 98% full, 1,204 MB left (host db-03)",
    "def mean(values): return sum(values) / len(values)",
    "An attacker may send a message with a link that downloads and runs a program.",
    "El paquete no ha llegado y nadie responde al teléfono.",
    "Le musée est fermé le mardi, sauf pendant les vacances.",
    "Können Sie mir bitte sagen, wann der nächste Zug fährt?",
    "Спасибо за быстрый ответ!",
    "今日はとても寒いです。",
    "شكرا جزيلا على المساعدة",
    "blue denim jacket, women, size 38, slim fit, 98 % cotton",
    "He scored twice in the last ten minutes, and the whole town sang until morning.",
    "To make the sauce, fry two onions in butter, add flour, and stir in warm milk little by little.",
    "The tenant shall give notice in writing three months before the end of the term.",
    "best pizza ever!!! 10/10 would come again :)",
    "Patients over 65 were given 20 mg once a day; nausea was the most frequent side effect.",
    "https://example.org/orders?id=4711&lang=en",
    "Terrible service. Waited 45 minutes, food was cold, never again.",
    "In 1876 the first telephone call was made between two rooms of the same house.",
)
CHECKING = (
    "Where is my parcel?",
    "I was charged twice for the same invoice.",
    "The delivery arrived late and the box was open.",
    "How do I reset the password of my account?",
    "The committee will publish its report on water quality next spring.",
    "Please cancel the order I placed yesterday evening and refund the full amount to my card.",
    "A small village in the mountains has lost its only railway line after a hundred years.",
    "error 404: /api/v2/users?id=17 not found",
    "Thank you!",
    "Die Rechnung vom 3. Mai ist noch offen.",
    "She reads three newspapers every morning, and believes none of them.",
    "Cheap flights, hotels, insurance: click here now",
    "The patient shows mild symptoms and was sent home with advice to rest.",
    "Interest rates were left unchanged at 2.5 % for the third month in a row.",
    "red cotton shirt, size M, long sleeves",
    "If the valve does not close, turn the wheel to the left and wait for thirty seconds before you try again.",
)


def longer(sentences: Sequence[str]) -> list[str]:
    """The sentences, and every four of them joined to one text.

    >>> longer(["a", "b", "c", "d", "e"])
    ['a', 'b', 'c', 'd', 'e', 'a b c d', 'e']
    """
    return [*sentences, *(" ".join(sentences[start : start + 4]) for start in range(0, len(sentences), 4))]
