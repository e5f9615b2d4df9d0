"""First names that are hardly ever ordinary words, for masking.

Names that are also words a shop uses (Rose, Basil, Mark, Will, May, Grace, Hope, Summer …) are left out on purpose:
they are masked only where a greeting or a sign-off shows that a person is meant.
"""

from __future__ import annotations

_FIRST_NAMES = """
    aaron abigail ada adam adele aditya adrian agnes ahmed aidan aisha akira alan albert alejandro alessandro alex
    alexander alexandra alexis alfred ali alice alicia alison allison alyssa amanda amelia amir amit amy ana ananya
    anastasia andrea andreas andrew andy angela angelina anil anita anja anke ann anna anne annette annika anthony
    antonio aoife ariana arianna arjun arthur arturo asha ashley astrid audrey axel ayesha barbara bartosz beata
    beatrice ben benjamin bernard bernd beth bettina bianca birgit bjorn bob boris brad bradley bram brandon brenda
    brendan brian bridget britta bruce bruno bryan bryce caitlin cameron camila camille carl carla carlos carmen carol
    carolina caroline catherine cecilia cem charles charlotte cheryl chiara chloe chris christian christina christine
    christoph christopher ciara claire clara claudia colin connor constance corinna courtney craig cristina cynthia
    dagmar daniel daniela danielle darren dave david deborah declan deepak denise dennis derek diana diane diego
    dieter dimitri dirk dmitri dominic dominik donald donna doris dorota dorothy douglas duncan dylan edith eduardo
    edward eileen elaine eleanor elena elias elisa elisabeth elizabeth ella ellen ellie elsa emanuel emil emilia emily
    emma eoin eric erica erik erika erin ernst esther ethan eugene eva eva-maria evan evelyn ewa fabian fatima fatma
    felicity felix femke fernando filip fiona florian frances francesca francesco francis franziska fred frederic
    frederick frieda friedrich gabriel gabriela gabriele gareth gavin geoffrey george georgia georgina gerald gerard
    gerhard gillian gina giovanni giulia giuseppe glenn gloria gordon gosia graham greg gregory greta guido guillermo
    gustav hamza hanna hannah hans harald harriet harry hassan heather heidi heike heinz helen helena helga henrik
    henry herbert hilary hiroshi holger howard hugo ian ibrahim idris igor ilse ines inga ingrid irene irina isaac
    isabel isabella ivan jaap jacob jacqueline jaime jakob james jamie jan jane janelle janet janice jared jasmin
    jason javier jay jeff jeffrey jelena jenna jennifer jenny jens jeremy jerome jerry jessica jill jim joan joana
    joanna joanne jochen joe joel johan johann johannes john johnny jonas jonathan jordan jorge joris jose josef
    joseph joshua joyce juan judith julia julian juliana julie juliette jurgen justin jürgen kai kareem karen karin
    karl karla katarzyna kate katharina katherine kathleen kathrin kathryn kathy katie katja katrin kayla keith kelly
    ken kenji kenneth kerry kerstin kevin kim kimberly kirsten klaus kristen kristin kristina krzysztof kurt kyle lars
    laura lauren laurence lawrence leah leila lena leo leon leonard leonie leroy leslie lewis liam lieke lilian linda
    lindsay lisa liz lorenzo lorna lorraine lotte louis louisa louise luca lucas lucia lucy luis luisa lukas luke
    lydia lynn maarten maciej mads magda magdalena magnus malcolm malika mandy manfred manuel manuela marc marcel
    marcia marco marcus marek margaret margarita maria mariana marie marijke marina mario marion marissa marius markus
    marlene marta martha martin martina marvin mary mateo mathias matt matteo matthew matthias maureen maurice max
    maximilian meera megan mehdi mehmet melanie melinda melissa mette mia michael michaela michel michele michelle
    miguel mike mikhail milan milena minh miriam mitchell mohamed mohammed moira monika moritz muhammad muriel mustafa
    myriam nadia nadine nadja nancy naomi natalia natalie natasha nathan nathaniel neha neil nelson niamh nicholas
    nick nicola nicolas nicole nigel nikhil nikolai nils nina noah noor nora norbert norman oisin oksana oleg olena
    olga oliver olivia omar oscar oskar otto owen pablo pamela paolo pascal patricia patrick paul paula pauline pavel
    pedro peggy penelope pete peter petra phil philip philipp philippa phillip pierre pieter piotr pooja preston priya
    quentin rachel rahul raj rajesh ralf ralph ramon randy raphael raul ravi raymond rebecca regina reinhard renate
    rene rhonda ricardo richard rita robert roberta roberto robin rodrigo roger rohan roland rolf roman ronald
    rosalind rosemarie rosie ross roxanne ruben rudolf rupert russell ruth ruud ryan sabina sabine sabrina sally sam
    samantha samira samuel sandra sanjay sanne saoirse sara sarah sascha scott sean sebastian sergio seth shannon
    sharon shaun sheila sheryl shirley sibylle siddharth siegfried silke silvia simon simone sinead siobhan sjoerd
    sofia sofie sonia sonja sophia sophie soren stacey stacy stanley stefan stefania stefanie stella stephanie stephen
    steve steven stijn stuart sue suresh susan susanna susanne suzanne sven svetlana sylvia tabitha tamara tania tanja
    tanya tara tatiana tatjana ted terence teresa terry theo theodor theresa thijs thomas thorsten tiffany tim timo
    timothy tina tobias todd tom tomas tomasz tony torsten tracey tracy trent trevor tristan tyler udo ulrich ulrike
    ursula uwe valentina valerie vanessa vera verena veronica veronika vicky victor victoria vikram viktor vince
    vincent virgil virginia vivian vladimir volker walter wanda wayne wendy werner wesley wilhelm william wojciech
    wolfgang wouter xavier xiaoming yannick yasmin yolanda yuki yulia yusuf yvette yvonne zachary zack zainab zoe
    zofia
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
