"""First names that are hardly ever ordinary words, for masking.

Names that are also words a shop uses (Rose, Basil, Mark, Will, May, Grace, Hope, Summer …) are left out on purpose:
they are masked only where a greeting or a sign-off shows that a person is meant.
"""

from __future__ import annotations

_FIRST_NAMES = """
    aaron abigail ada adam adele adrian agnes ahmed aidan aisha alan albert alejandro alessandro alex alexander
    alexandra alexis alfred ali alice alicia alison allison alyssa amanda amelia amir amy ana anastasia andrea andreas
    andrew andy angela angelina anita anja anke ann anna anne annette annika anthony antonio aoife ariana arjun arthur
    arturo asha ashley astrid audrey axel ayesha barbara beatrice ben benjamin bernard bernd beth bettina bianca
    birgit bjorn bob boris brad bradley brandon brenda brendan brian bridget britta bruce bruno bryan bryce caitlin
    cameron camila camille carl carla carlos carmen carol carolina caroline catherine cecilia charles charlotte cheryl
    chloe chris christian christina christine christoph christopher ciara claire clara claudia colin connor constance
    corinna courtney craig cristina cynthia dagmar daniel daniela danielle darren dave david deborah declan deepak
    denise dennis derek diana diane diego dieter dimitri dirk dominic dominik donald donna doris dorothy douglas
    duncan dylan edith eduardo edward eileen elaine eleanor elena elias elisa elisabeth elizabeth ella ellen ellie
    elsa emanuel emil emilia emily emma eric erica erik erika ernst esther ethan eugene eva evan evelyn fabian fatima
    felicity felix femke fernando fiona florian frances francesca francesco francis franziska fred frederic frederick
    frieda friedrich gabriel gabriela gareth gavin geoffrey george georgia georgina gerald gerard gerhard gillian gina
    giovanni giulia glenn gloria gordon graham greg gregory greta guido guillermo gustav hanna hannah hans harald
    harriet harry hassan heather heidi heike heinz helen helena helga henrik henry herbert hilary holger howard hugo
    ian ibrahim idris ines inga ingrid irene irina isaac isabel isabella ivan jacob jacqueline jaime jakob james jamie
    jan jane janet janice jasmin jason javier jay jeff jeffrey jenna jennifer jenny jens jeremy jerome jerry jessica
    jill jim joan joanna joanne jochen joe joel johan johann johannes john johnny jonas jonathan jordan jorge jose
    josef joseph joshua joyce juan judith julia julian juliana julie juliette jurgen jürgen justin kai karen karin
    karl karla kate katharina katherine kathleen kathryn kathy katie katja katrin kayla keith kelly ken kenneth kerry
    kerstin kevin kim kimberly kirsten klaus kristen kristin kristina kurt kyle lars laura lauren laurence lawrence
    leah leila lena leo leon leonard leonie leroy leslie lewis liam lilian linda lindsay lisa liz lorenzo lorna
    lorraine louis louisa louise luca lucas lucia lucy luis luisa luke lukas lydia lynn mads magdalena magnus malcolm
    mandy manfred manuel manuela marc marcel marcia marco marcus marek margaret margarita maria mariana marie marina
    mario marion marius markus marlene marta martha martin martina marvin mary mateo mathias matt matteo matthew
    matthias maureen maurice max maximilian meera megan mehmet melanie melissa mette mia michael michaela michel
    michele michelle miguel mike mikhail milan miriam mohamed mohammed moira monika moritz muhammad muriel myriam
    nadia nadine naomi natalia natalie natasha nathan nathaniel neil nelson nicholas nick nicola nicolas nicole nigel
    nikolai nils nina noah noor nora norbert norman oisin oleg olga oliver olivia omar oscar oskar otto owen pablo
    pamela paolo pascal patricia patrick paul paula pauline pavel pedro peggy penelope pete peter petra phil philip
    philipp philippa phillip pierre pieter priya rachel raj rajesh ralf ralph ramon randy raphael raul raymond rebecca
    regina reinhard renate rene ricardo richard rita robert roberta roberto robin rodrigo roger roland rolf roman
    ronald rosalind rosemarie rosie ross roxanne ruben rudolf rupert russell ruth ryan sabine sabrina sally sam
    samantha samira samuel sandra sanjay sara sarah sascha scott sean sebastian sergio seth shannon sharon shaun
    sheila shirley sibylle siegfried silke silvia simon simone siobhan sofia sofie sonia sonja sophia sophie soren
    stacey stanley stefan stefanie stella stephanie stephen steve steven stuart sue susan susanna susanne suzanne sven
    sylvia tamara tania tanja tara tatiana ted teresa terence terry theo theodor theresa thomas thorsten tiffany tim
    timo timothy tina tobias todd tom tomas tony torsten tracey tracy trevor tristan tyler udo ulrich ulrike ursula
    uwe valentina valerie vanessa vera verena veronica veronika vicky victor victoria viktor vincent virginia vivian
    vladimir volker walter wanda wayne wendy werner wilhelm william wolfgang xavier yasmin yolanda yusuf yvette yvonne
    zachary zainab zoe
"""

_NOT_NAMES = """
    a again all and any anyone are at both but can could customer dear do does did everybody everyone folks for friend
    friends from good guys have hello help hey hi how i if in is it just ladies madam mam ma'am many me moss my
    no nightdesk not of ok okay on once one our please quick re regarding sir so sorry support sure team thank thanks
    that the there this to today very we welcome what when where which who why will with would yes you your monday
    tuesday wednesday thursday friday saturday sunday january february march april june july august september october
    november december
"""

FIRST_NAMES = frozenset(_FIRST_NAMES.split())
NOT_NAMES = frozenset(_NOT_NAMES.split())
"""Words that follow "Hi" or "Dear" without being anybody's name."""
