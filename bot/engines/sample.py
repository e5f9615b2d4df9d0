"""The text that engines are compared on: exchanges as the response model meets them, in none of its training data."""

from __future__ import annotations

from collections.abc import Sequence

EXCHANGES: Sequence[tuple[str, str, str]] = (
    (
        "Repairs take about ten working days once the lamp has reached the workshop. We call before we start if "
        "the repair would cost more than 40 euro. Lamps older than fifteen years are looked at, but spare parts "
        "may be gone.",
        "My reading lamp broke, how long will you need to fix it and what does it cost me?",
        "A repair takes about ten working days once we have your lamp. If it would cost more than 40 euro, we "
        "call you before we start.",
    ),
    (
        "The workshop is open from Tuesday to Saturday between 10 and 18. On the first Saturday of a month it "
        "stays closed for stocktaking. Parking is free behind the building; the tram stops at the corner.",
        "can I drop by on a monday?",
        "The workshop is closed on Mondays. It is open from Tuesday to Saturday between 10 and 18, except on the "
        "first Saturday of a month.",
    ),
    (
        "A subscription can be paused for up to three months in a year. While it is paused nothing is charged and "
        "nothing is sent. It starts again by itself on the date that you chose, and we send a reminder a week "
        "before.",
        "I'm travelling in spring. Do I have to cancel my subscription or is there another way?",
        "You need not cancel. You can pause the subscription for up to three months; nothing is charged "
        "meanwhile, and it starts again on the date that you choose.",
    ),
    (
        "Invoices are sent by e-mail on the day a parcel leaves the warehouse. Companies can add their VAT number "
        "in the account under billing details; it then appears on all invoices that follow, but not on earlier "
        "ones.",
        "The VAT number of our company is missing from the last invoice. Can you put it there?",
        "Please add the VAT number in your account under billing details. It will appear on the invoices that "
        "follow, but not on earlier ones.",
    ),
    (
        "The cover can be washed at 30 degrees with similar colours. Do not bleach it and do not put it in the "
        "dryer. The filling is cleaned by airing it in the shade for an afternoon, turned once or twice.",
        "How do I get a coffee stain out of the cushion?",
        "You can wash the cover at 30 degrees with similar colours. Please do not bleach it, and leave it out of "
        "the dryer.",
    ),
    (
        "Orders above 60 euro are delivered free of charge. Below that, delivery costs 4.90 euro, and 12 euro to "
        "islands. Parcels that weigh more than 25 kilograms travel with a haulier, who rings the day before to "
        "agree on a time.",
        "Do I pay for the delivery of a table that weighs 31 kg and costs 240 euro?",
        "No, orders above 60 euro are delivered free of charge. As the table weighs more than 25 kilograms, a "
        "haulier brings it and rings the day before to agree on a time.",
    ),
    (
        "Gift cards are valid for three years from the day of purchase. They can be used for several orders until "
        "nothing is left on them, but they cannot be paid out in cash.",
        "I've got a gift card from 2024, is it still good?",
        "Gift cards are valid for three years from the day of purchase, so yours can still be used. You can use "
        "it for several orders until nothing is left on it.",
    ),
    (
        "To change the address of an order, open it in your account and choose 'change address'. This works until "
        "the parcel is handed to the carrier. After that only the carrier can redirect it.",
        "I moved last week and my order still has the old address, what now?",
        "Please open the order in your account and choose 'change address'. This works until the parcel is handed "
        "to the carrier; after that only the carrier can redirect it.",
    ),
    (
        "The battery of the lantern lasts about eight hours at full brightness and forty hours when dimmed. It is "
        "charged with any USB-C cable in three hours. The battery can be replaced with a screwdriver.",
        "how long does the lantern last before I need to charge it",
        "The battery lasts about eight hours at full brightness and forty hours when dimmed. Charging it takes "
        "three hours with any USB-C cable.",
    ),
    (
        "Courses take place on Wednesday evenings from 18:30 to 20:30. A course costs 35 euro, materials "
        "included. If you cannot come, tell us two days before and you get a place in a later course.",
        "What is the price of a course, and do I have to bring anything along?",
        "A course costs 35 euro and the materials are included, so you need not bring anything along.",
    ),
    (
        "We deliver to Belgium, Germany and the Netherlands. Parcels to other countries are not possible at the "
        "moment. Deliveries to a pick-up point take one day longer than deliveries to a home.",
        "Do you ship to Austria as well?",
        "At the moment we deliver to Belgium, Germany and the Netherlands only, so a parcel to Austria is not "
        "possible.",
    ),
    (
        "A password can be reset on the sign-in page under 'forgotten'. The link in the e-mail is valid for one "
        "hour. If no e-mail arrives, look into the spam folder or write to us from the address of your account.",
        "I forgot my password and the mail you sent does not come.",
        "Please look into the spam folder first. If the e-mail is not there, write to us from the address of your "
        "account. The link in it is valid for one hour.",
    ),
    (
        "Paint that has not been mixed for you can be returned within 60 days if the tin is still sealed. Mixed "
        "paint cannot be returned, as nobody else would want the same shade.",
        "I bought two tins of white paint too many. Can I bring them back?",
        "Yes, paint that has not been mixed for you can be returned within 60 days if the tins are still sealed.",
    ),
    (
        "The bench has to be oiled once a year, best in spring. Brush off dust first, then apply the oil thinly "
        "with a cloth and wipe off what is left after twenty minutes. It is dry after a day.",
        "how often does the garden bench need oil and how is it done?",
        "Oil the bench once a year, best in spring. Brush off the dust, apply the oil thinly with a cloth and "
        "wipe off what is left after twenty minutes.",
    ),
)

PASSAGES: Sequence[str] = (
    "Thirty centimetres of soil are enough for salad and herbs, forty for carrots and shrubs. Fill the lower "
    "third with twigs and the coarse stuff from the garden, the middle with half-rotted leaves, and only the "
    "top with compost. It sinks by about a hand in the first year, so keep some back. Do not set one against "
    "a house wall without a gap of ten centimetres.",
    "September to November, as long as a trowel goes in. If the bag arrives on a bad day, keep it open in a "
    "cool, dark, airy place and plant within three weeks. A little blue mould on the skin can be brushed off. "
    "A bulb that gives way under your thumb is rotten: that is a matter for the live-arrival guarantee.",
    "At the checkout you can choose a delivery day from Tuesday to Friday, up to three weeks ahead, at no "
    "extra cost. The carrier keeps to it about nine times in ten. Saturday delivery is not available, and we "
    "cannot name an hour; the carrier's message on the morning itself gives a window of two hours.",
    "Hanneke, the head of the desk, and nobody in between. She reads the whole conversation and the packing "
    "notes, asks the colleague concerned, and answers you in writing within two working days. If she needs to "
    "wait for the carrier she tells you so within that time and names the day on which you will hear more.",
    "Tell us in the chat the order number, what you have and what you would rather have. We put the new one "
    "aside at once, so that nobody buys it from under you, and e-mail a label, which for an exchange is free. "
    "The new one leaves as soon as the carrier has scanned the old one at the parcel shop. If what you want "
    "is sold out, we say so before you look for the sticky tape.",
    "If a night below −2 °C is expected anywhere between our door and yours, plants stay in the glasshouse. "
    "This is the frost hold. You get a message when it starts, your delivery date becomes provisional, and "
    "your plant is watered and talked to in the meantime. There is nothing you need to do.",
    "Stand the pots close together. Put a wide saucer with pebbles and water under them, so that the pot "
    "stands on the stones and not in the wet. Hang washing in the same room. A humidifier is best of all; set "
    "it to 55 and clean it weekly. Opening the window in frost makes the air drier, not damper.",
    "Take a photo within 5 days of delivery and send it to us in the chat or to help@mossgrove.example, with "
    "your order number. One picture of the whole plant is enough; one of the box helps us quarrel with the "
    "carrier. You do not have to send the plant back. Please do not: it has travelled enough.",
    "Dig the hole twice as wide as the root ball and no deeper. Water the ball in a bucket until the bubbles "
    "stop, set it level with the ground, fill up with the soil you took out, tread gently, and give ten "
    "litres even if it rains. The best months are September to November and March to April.",
    "Usually one of the two is only a reservation, left by a first attempt that failed. It vanishes by itself "
    "in 3 to 5 banking days, and we can neither see it nor hurry it. Count the confirmation mails: one mail, "
    "one order. If there really are two order numbers, tell us which to cancel before it is packed.",
    "Monstera and pothos contain needle-shaped crystals that burn in the mouth. Bites lead to drooling and a "
    "sore tongue, seldom to worse, but call the vet if swallowing is hard. Hellebores and snowdrop bulbs are "
    "properly poisonous when eaten, to people too. Plant bulbs at once or store them where no toddler "
    "mistakes them for onions. Lavender upsets the stomach of a cat in quantity; the olive and the Japanese "
    "maple are harmless to both cats and dogs, though maple leaves are dangerous to horses.",
    "All terracotta pots and the stoneware planter have a drainage hole. The stoneware planter comes with its "
    "saucer; saucers for terracotta are sold separately. The hanging planter has no hole. It holds a "
    "removable inner pot, so lift that out to water and let it drip in the sink.",
)
"""What an engine may look at while its weights are rounded; never compared on."""
