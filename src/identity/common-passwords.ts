/**
 * Passwords of ten characters and more that head the lists of leaked ones, in lower case. Short ones need no
 * entry: their length refuses them.
 */
export const commonPasswords: ReadonlySet<string> = new Set(
  `1234567890 0123456789 9876543210 0987654321 12345678910 123456789a a123456789 1234567890a 123456789q q123456789
1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc qwertyuiop qwertyuiop123 qwerty1234 qwerty12345 qwerty123456
qwerty123! qwertyuiopasdfghjkl asdfghjkl123 asdfghjkl; zxcvbnm123 1234qwerasdf qwer1234asdf abcd123456 abcdefghij
abcdefghijk abcdef1234 abc1234567 password12 password123 password1234 password12345 password123456 password123!
password1! password01! passw0rd12 passw0rd123 passw0rd123! p@ssw0rd12 p@ssw0rd123 p@ssword123 p@ssword1234
mypassword mypassword1 newpassword changeme12 changeme123 changeme1234 changemenow letmein123 letmein1234
letmein123! welcome123 welcome1234 welcome123! welcome2024 welcome2025 welcome2026 iloveyou12 iloveyou123
iloveyou1234 ilovemyself ilovejesus sunshine12 sunshine123 princess12 princess123 football12 football123
baseball12 baseball123 basketball superman12 superman123 batman1234 pokemon123 starwars12 starwars123 whatever12
dragon1234 monkey1234 master1234 shadow1234 michael123 charlie123 computer12 computer123 internet12 internet123
trustno1234 administrator administrator1 admin12345 admin123456 admin1234! adminadmin admin@1234 administrador
rootrootroot root123456 toor123456 test123456 testtest12 testtest123 testing123 testing1234 testpassword guest12345
user123456 default123 secret1234 secretpassword supersecret correcthorsebatterystaple unbelievable hello12345
hello123456 helloworld helloworld1 helloworld123 samsung123 google1234 facebook12 facebook123 liverpool1
liverpool123 manchester manchester1 blink182182 california 1111111111 0000000000 2222222222 5555555555 8888888888
9999999999 1212121212 1122334455 1231231231 123123123123 123321123321 1029384756 147258369147 aaaaaaaaaa
croftcroft croft12345 croft123456 croftpassword`.split(/\s+/),
);
